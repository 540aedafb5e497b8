#!/usr/bin/env python3
"""Owns: the claim that a sealed log takes at most a fifth of the JSON that went in."""

import json

from store import Claims, Events, Folder, append_command, arguments, wait_until_sealed

BATCH = 512


def generated(count, seed):
    events = Events(seed)
    for number in range(1, count + 1):
        category, aggregate, kind, data, timestamp, tag = event = events(number)
        line = {"category": category, "event_type": kind, "aggregate_id": aggregate, "data": json.loads(data),
                "timestamp": float(timestamp), "tags": [tag]}
        yield append_command(event), len(json.dumps(line, separators=(",", ":"))) + 1


def of_file(path):
    """Lines as `evctl import` takes them, with their data as it stands in the line."""
    with open(path, "rb") as file:
        for text in file:
            line = json.loads(text)
            data = json.dumps(line.get("data", {}), separators=(",", ":"), ensure_ascii=False)
            command = ["EV.APPEND", line["category"], line["aggregate_id"], line["event_type"], data]
            if "timestamp" in line:
                command += ["TIMESTAMP", line["timestamp"]]
            for tag in line.get("tags", []):
                command += ["TAG", tag]
            yield command, len(text)


def main():
    parser = arguments("Import events, seal the log, and compare its size with the JSON.")
    parser.add_argument("--events", type=int, default=60_000, help="how many to make up")
    parser.add_argument("--ndjson", help="import this file instead of made-up events")
    options = parser.parse_args()
    claims, json_bytes, count, batch = Claims(), 0, 0, []
    source = of_file(options.ndjson) if options.ndjson else generated(options.events, options.seed)

    with Folder() as folder:
        daemon = folder.daemon(options.evstored)
        daemon.start()
        connection = daemon.connect()

        def flush():
            connection.send(batch)
            for _ in batch:
                answer = connection.receive()
                if not isinstance(answer, int):
                    raise SystemExit(f"FAIL  an append was answered {answer}")
            batch.clear()

        for command, size in source:
            json_bytes += size
            count += 1
            batch.append(command)
            if len(batch) == BATCH:
                flush()
        flush()
        wait_until_sealed(connection)
        sealed, segments = daemon.log_bytes()
        claims.check(connection.ask("EV.COUNT") == count, "every event is there", str(count))
        claims.check(sealed * 5 <= json_bytes, "the sealed log takes at most a fifth of the JSON",
                     f"{sealed} of {json_bytes} bytes, {sealed / json_bytes:.3f}, {segments} segments")
        connection.ask("EV.COMPACT")
        sealed, segments = daemon.log_bytes()
        claims.note(f"after EV.COMPACT: {sealed} bytes, {sealed / json_bytes:.3f}, {segments} segments")
        claims.end(daemon)


if __name__ == "__main__":
    main()
