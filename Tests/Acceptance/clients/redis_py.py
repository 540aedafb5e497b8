"""Owns: the checklist with redis-py, used as its documentation shows."""

import sys

import redis
from checklist import LARGE, ask, claim, fields

PATH, SIZE = sys.argv[1], int(sys.argv[2])
CATEGORY = f"redis-py-{redis.__version__}-{redis.connection.DefaultParser.__name__}"
ID = f"00000000-0000-4000-8000-{abs(hash(CATEGORY)) % 10 ** 12:012}"


def append(aggregate, data="{}", *options):
    return ("EV.APPEND", CATEGORY, aggregate, "happened", data, *options)


def refusal(work):
    try:
        return f"no error but {work()!r}"
    except redis.ResponseError as error:
        return str(error)


def main():
    client = redis.Redis(unix_socket_path=PATH, client_name="redis-py", socket_timeout=60)
    claim("connects", client.ping() and client.client_getname() in ("redis-py", b"redis-py"))

    first = client.execute_command(*append("a", LARGE))
    event = fields(client.execute_command("EV.GET", first))
    claim("appends", event["event_id"] == first and event["data"] == LARGE.encode(), repr(event)[:200])

    said = refusal(lambda: client.execute_command(*append("a", "nonsense")))
    claim("is told what is wrong", said.startswith("INVALID") and client.ping(), said)

    ids = [client.execute_command(*append("a", "{}", "ID", ID)) for _ in range(2)]
    claim("retries with an ID", ids == [first + 1] * 2, ids)

    pipe = client.pipeline(transaction=False)
    for _ in range(SIZE):
        pipe.execute_command(*append("many"))
    ids = pipe.execute()
    claim("writes a pipeline at once", ids == list(range(ids[0], ids[0] + SIZE)), ids[:3])

    for _ in range(SIZE // 10):
        pipe.execute_command("EV.GET", first)
    events = pipe.execute()
    claim("reads a pipeline", len(events) == SIZE // 10 and all(event == events[0] for event in events))

    def transaction(*condition):
        with client.pipeline(transaction=True) as pipe:
            for _ in range(2):
                pipe.execute_command(*append("t"))
            pipe.execute_command(*append("t", "{}", *condition))
            return pipe.execute()

    condition = ("UNLESS", "CATEGORY", CATEGORY, "AGGREGATE", "t", "AFTER", "0")
    ids = transaction(*condition)
    claim("wins a transaction", ids == list(range(ids[0], ids[0] + 3)), ids)
    said = refusal(lambda: transaction(*condition))
    count = client.execute_command("EV.COUNT", "CATEGORY", CATEGORY, "AGGREGATE", "t")
    claim("loses a transaction", f"CONFLICT {ids[2]} " in said and count == 3, f"{said}; {count} events")

    nothing = client.execute_command("EV.READ", "AFTER", "$", "BLOCK", "50")
    ask(f"append {CATEGORY}-elsewhere")
    found = client.execute_command("EV.READ", "CATEGORY", f"{CATEGORY}-elsewhere", "BLOCK", "30000")
    claim("waits in a read", nothing is None and fields(found[0])["data"] == b'{"by":"else"}', f"{nothing} {found}")

    pushed(client)

    ask("restart")
    # What was in flight when the connection ended is sent again.
    try:
        retried = client.execute_command(*append("a", "{}", "ID", ID))
    except redis.ConnectionError:
        retried = client.execute_command(*append("a", "{}", "ID", ID))
    claim("goes on after a restart", retried == first + 1 and client.ping(), retried)


def pushed(client):
    if int(redis.__version__.split(".")[0]) < 5:
        print("no is pushed events: it speaks RESP2")
        return
    seen = []
    three = redis.Redis(unix_socket_path=PATH, protocol=3, socket_timeout=60)
    pubsub = three.pubsub(push_handler_func=seen.append)
    pubsub.execute_command("EV.SUBSCRIBE", "CATEGORY", CATEGORY, "AGGREGATE", "p")
    number = pubsub.parse_response()
    ids = [client.execute_command(*append("p")) for _ in range(3)]
    while len(seen) < 3:
        pubsub.parse_response()
    told = [(kind, of, fields(event)["event_id"]) for kind, of, event in seen]
    claim("is pushed events", told == [(b"ev.event", number, id) for id in ids], told)
    pubsub.close()


main()
