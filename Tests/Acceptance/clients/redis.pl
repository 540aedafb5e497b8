# Owns: the checklist with Perl's Redis.

use strict;
use warnings;
use utf8;
use Redis;

my ($path, $size) = @ARGV;
my $category = 'perl';
my $id = '40000000-0000-4000-8000-000000000001';
my $large = '{"text":"' . ('é' x 1000) . '"}';
utf8::encode($large);
$| = 1;

sub claim {
    my ($name, $holds, @detail) = @_;
    my $said = substr(join(' ', map { $_ // 'undef' } @detail), 0, 200) =~ s/\s+/ /gr;
    print $holds ? "ok $name\n" : "FAIL $name: $said\n";
}

sub ask {
    print "$_[0]\n";
    <STDIN>;
}

my $client = Redis->new(sock => $path, reconnect => 30, every => 100_000, read_timeout => 60);
# Any method is a command of its name, and an underscore ends its first word: the dot has to be given as it is.
my ($ev_append, $ev_get, $ev_read, $ev_count) = map { my $name = "EV.$_"; sub { $client->$name(@_) } } qw(APPEND GET READ COUNT);

sub append {
    my ($aggregate, $data, @options) = @_;
    return ($category, $aggregate, 'happened', $data // '{}', @options);
}

sub refusal {
    my ($work) = @_;
    my @answer = eval { $work->() };
    return $@ || "no error but @answer";
}

claim('connects', $client->ping eq 'PONG' && $client->client_setname('perl') eq 'OK');

my $first = $ev_append->(append('a', $large));
my %event = @{ $ev_get->($first) };
claim('appends', $event{event_id} == $first && $event{data} eq $large, %event);

my $said = refusal(sub { $ev_append->(append('a', 'nonsense')) });
claim('is told what is wrong', $said =~ /INVALID/ && $client->ping, $said);

my @ids = map { scalar $ev_append->(append('a', '{}', 'ID', $id)) } 1 .. 2;
claim('retries with an ID', "@ids" eq join(' ', ($first + 1) x 2), @ids);

@ids = ();
$ev_append->(append('many'), sub { push @ids, $_[0] }) for 1 .. $size;
$client->wait_all_responses;
claim('writes a pipeline at once', "@ids" eq join(' ', $ids[0] .. $ids[0] + $size - 1), @ids[0 .. 2]);

my ($count, $same) = (0, 0);
for (1 .. $size / 10) {
    $ev_get->($first, sub { my %one = @{ $_[0] }; $count++; $same += $one{data} eq $large });
}
$client->wait_all_responses;
claim('reads a pipeline', $count == int($size / 10) && $same == $count, $count, $same);

my @condition = ('UNLESS', 'CATEGORY', $category, 'AGGREGATE', 't', 'AFTER', '0');
my $transaction = sub {
    $client->multi;
    $ev_append->(append('t')) for 1 .. 2;
    $ev_append->(append('t', '{}', @condition));
    return $client->exec;
};
@ids = $transaction->();
claim('wins a transaction', "@ids" eq join(' ', $ids[0] .. $ids[0] + 2), @ids);
$said = refusal($transaction);
$count = $ev_count->('CATEGORY', $category, 'AGGREGATE', 't');
claim('loses a transaction', $said =~ /CONFLICT $ids[2] / && $count eq '3', $said, $count);

my $nothing = $ev_read->('AFTER', '$', 'BLOCK', '50');
ask("append $category-elsewhere");
my $found = $ev_read->('CATEGORY', "$category-elsewhere", 'BLOCK', '30000');
my %found = @{ $found->[0] };
claim('waits in a read', !defined $nothing && $found{data} eq '{"by":"else"}', $nothing, %found);

print "no is pushed events: it speaks RESP2\n";

ask('restart');
# What was in flight when the connection ended is sent again; it connects anew by itself.
my $retried = eval { $ev_append->(append('a', '{}', 'ID', $id)) } // $ev_append->(append('a', '{}', 'ID', $id));
claim('goes on after a restart', $retried == $first + 1 && $client->ping, $retried);
