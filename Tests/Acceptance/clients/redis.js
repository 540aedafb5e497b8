// Owns: the checklist with node-redis.

const { createClient } = require("redis");
const readline = require("readline");

const [path, size] = [process.argv[2], Number(process.argv[3])];
const category = "node";
const id = "50000000-0000-4000-8000-000000000001";
const large = `{"text":"${"é".repeat(1000)}"}`;
const answers = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

const claim = (name, holds, detail) =>
  console.log(holds ? `ok ${name}` : `FAIL ${name}: ${JSON.stringify(detail)?.slice(0, 200)}`);
const ask = async (words) => {
  console.log(words);
  await answers.next();
};
const append = (aggregate, data = "{}", ...options) => ["EV.APPEND", category, aggregate, "happened", data, ...options];
const fields = (event) =>
  Object.fromEntries(event.flatMap((name, index) => (index % 2 ? [] : [[name, event[index + 1]]])));
const refusal = (work) => work.then((value) => `no error but ${JSON.stringify(value)}`, (error) => error.message);
const following = (first, count) => Array.from({ length: count }, (_, index) => first + index);
const equal = (one, other) => JSON.stringify(one) === JSON.stringify(other);

async function main() {
  const client = createClient({ socket: { path, reconnectStrategy: () => 100 } });
  client.on("error", () => {});
  await client.connect();
  claim("connects", (await client.ping()) === "PONG" && (await client.clientSetName("node")) === "OK");

  const first = await client.sendCommand(append("a", large));
  const event = fields(await client.sendCommand(["EV.GET", `${first}`]));
  claim("appends", event.event_id === first && event.data === large, event);

  let said = await refusal(client.sendCommand(append("a", "nonsense")));
  claim("is told what is wrong", said.startsWith("INVALID") && (await client.ping()) === "PONG", said);

  let ids = [];
  for (let turn = 0; turn < 2; turn++) ids.push(await client.sendCommand(append("a", "{}", "ID", id)));
  claim("retries with an ID", equal(ids, [first + 1, first + 1]), ids);

  ids = await Promise.all(following(0, size).map(() => client.sendCommand(append("many"))));
  claim("writes a pipeline at once", equal(ids, following(ids[0], size)), ids.slice(0, 3));

  const reads = following(0, Math.floor(size / 10)).map(() => client.sendCommand(["EV.GET", `${first}`]));
  const events = await Promise.all(reads);
  claim("reads a pipeline", events.every((one) => equal(one, events[0])));

  const condition = ["UNLESS", "CATEGORY", category, "AGGREGATE", "t", "AFTER", "0"];
  const transaction = () =>
    client.multi().addCommand(append("t")).addCommand(append("t")).addCommand(append("t", "{}", ...condition)).exec();
  ids = await transaction();
  claim("wins a transaction", equal(ids, following(ids[0], 3)), ids);
  // Up to 4.6 it gives errors among the answers, and throws none; later ones throw.
  const lost = await transaction().catch((error) => error.replies);
  said = lost.at(-1).message;
  const count = await client.sendCommand(["EV.COUNT", "CATEGORY", category, "AGGREGATE", "t"]);
  claim("loses a transaction", said.startsWith(`CONFLICT ${ids[2]} `) && count === 3, [said, count]);

  const nothing = await client.sendCommand(["EV.READ", "AFTER", "$", "BLOCK", "50"]);
  await ask(`append ${category}-elsewhere`);
  const found = await client.sendCommand(["EV.READ", "CATEGORY", `${category}-elsewhere`, "BLOCK", "30000"]);
  claim("waits in a read", nothing === null && fields(found[0]).data === '{"by":"else"}', [nothing, found]);

  console.log("no is pushed events: it speaks RESP2");

  await ask("restart");
  // What was in flight when the connection ended is sent again; it connects anew by itself.
  const again = () => client.sendCommand(append("a", "{}", "ID", id));
  const retried = await again().catch(again);
  claim("goes on after a restart", retried === first + 1 && (await client.ping()) === "PONG", retried);
  process.exit(0);
}

main();
