<?php
// Owns: the checklist with phpredis.

[$path, $size] = [$argv[1], (int) $argv[2]];
const CATEGORY = 'php';
const ID = '30000000-0000-4000-8000-000000000001';
$large = '{"text":"' . str_repeat('é', 1000) . '"}';
ini_set('memory_limit', '1G');

function claim(string $name, bool $holds, $detail = null): void
{
    echo $holds ? "ok $name\n" : "FAIL $name: " . substr(json_encode($detail), 0, 200) . "\n";
}

function ask(string $words): void
{
    echo "$words\n";
    fgets(STDIN);
}

function append(string $aggregate, string $data = '{}', string ...$options): array
{
    return ['EV.APPEND', CATEGORY, $aggregate, 'happened', $data, ...$options];
}

function refusal(callable $work): string
{
    try {
        return 'no error but ' . json_encode($work());
    } catch (RedisException $error) {
        return $error->getMessage();
    }
}

function fields(array $event): array
{
    $pairs = array_chunk($event, 2);
    return array_combine(array_column($pairs, 0), array_column($pairs, 1));
}

function connected(string $path): Redis
{
    $client = new Redis();
    $client->connect($path);
    $client->setOption(Redis::OPT_READ_TIMEOUT, 60);
    return $client;
}

$client = connected($path);
claim('connects', $client->ping() && $client->client('setname', 'php'));

$first = $client->rawCommand(...append('a', $large));
$event = fields($client->rawCommand('EV.GET', $first));
claim('appends', $event['event_id'] === $first && $event['data'] === $large, $event);

$said = refusal(fn() => $client->rawCommand(...append('a', 'nonsense')));
claim('is told what is wrong', str_starts_with($said, 'INVALID') && $client->ping(), $said);

$ids = [];
for ($i = 0; $i < 2; $i++) $ids[] = $client->rawCommand(...append('a', '{}', 'ID', ID));
claim('retries with an ID', $ids === [$first + 1, $first + 1], $ids);

$pipe = $client->pipeline();
for ($i = 0; $i < $size; $i++) $pipe->rawCommand(...append('many'));
$ids = $pipe->exec();
claim('writes a pipeline at once', $ids === range($ids[0], $ids[0] + $size - 1), array_slice($ids, 0, 3));

$pipe = $client->pipeline();
for ($i = 0; $i < intdiv($size, 10); $i++) $pipe->rawCommand('EV.GET', $first);
$events = $pipe->exec();
claim('reads a pipeline', count($events) === intdiv($size, 10) && count(array_unique($events, SORT_REGULAR)) === 1);

$condition = ['UNLESS', 'CATEGORY', CATEGORY, 'AGGREGATE', 't', 'AFTER', '0'];
$transaction = function () use ($client, $condition) {
    $multi = $client->multi();
    for ($i = 0; $i < 2; $i++) $multi->rawCommand(...append('t'));
    $multi->rawCommand(...append('t', '{}', ...$condition));
    return $multi->exec();
};
$ids = $transaction();
claim('wins a transaction', $ids === range($ids[0], $ids[0] + 2), $ids);
$said = refusal($transaction);
$count = $client->rawCommand('EV.COUNT', 'CATEGORY', CATEGORY, 'AGGREGATE', 't');
claim('loses a transaction', str_starts_with($said, "CONFLICT $ids[2] ") && $count === 3, [$said, $count]);

$nothing = $client->rawCommand('EV.READ', 'AFTER', '$', 'BLOCK', '50');
ask('append ' . CATEGORY . '-elsewhere');
$found = $client->rawCommand('EV.READ', 'CATEGORY', CATEGORY . '-elsewhere', 'BLOCK', '30000');
// It makes an empty array of a null one.
claim('waits in a read', !$nothing && fields($found[0])['data'] === '{"by":"else"}', [$nothing, $found]);

echo "no is pushed events: it speaks RESP2\n";

ask('restart');
// What was in flight when the connection ended is sent again.
try {
    $retried = $client->rawCommand(...append('a', '{}', 'ID', ID));
} catch (RedisException) {
    $client = connected($path);
    $retried = $client->rawCommand(...append('a', '{}', 'ID', ID));
}
claim('goes on after a restart', $retried === $first + 1 && $client->ping(), $retried);
