// Owns: the promises about what each command takes, and what is said to one that is wrong.

import EventModel
import Testing

@testable import EventWire

@Suite struct CommandParserTests {
    @Test("an append carries every option, in any order and in any case")
    func append() throws {
        let uuid = EventUUID.random()
        let words = [
            "ev.Append", "order", "order-001", "created", "{}", "tag", "g1", "metadata", #"{"by":"me"}"#, "id",
            uuid.description.uppercased(), "version", "3", "TAG", "g2", "timestamp", "2026-03-01T09:00:00Z",
        ]
        try withCommand(words) { command in
            guard case .append(let request) = command else {
                Issue.record("not an append")
                return
            }
            #expect(String(decoding: request.event.category, as: UTF8.self) == "order")
            #expect(String(decoding: request.event.aggregateID, as: UTF8.self) == "order-001")
            #expect(String(decoding: request.event.eventType, as: UTF8.self) == "created")
            #expect(String(decoding: request.event.data, as: UTF8.self) == "{}")
            #expect(request.event.tags.map { String(decoding: $0, as: UTF8.self) } == ["g1", "g2"])
            #expect(request.event.metadata.map { String(decoding: $0, as: UTF8.self) } == #"{"by":"me"}"#)
            #expect(request.event.identifier?.text == uuid.description)
            #expect(request.event.version == 3)
            #expect(request.event.timestamp == Timestamp(rfc3339: "2026-03-01T09:00:00Z"))
            #expect(request.unless == nil)
        }
    }

    @Test("an append's condition takes alternatives and ends with AFTER")
    func condition() throws {
        let append = ["EV.APPEND", "c", "a", "t", "{}", "VERSION", "2", "UNLESS"]
        func condition(_ words: String...) throws -> AppendCondition? {
            try withCommand(append + words) { command in
                if case .append(let request) = command { request.unless } else { nil }
            }
        }
        #expect(try condition("AFTER", "7") == AppendCondition(alternatives: [], after: EventID(7)))
        #expect(
            try condition("AGGREGATE", "order-001", "OR", "TAG", "x", "TAG", "y", "AFTER", "0")
                == AppendCondition(
                    alternatives: [Criteria(aggregates: ["order-001"]), Criteria(tags: ["x", "y"])],
                    after: .zero
                )
        )
    }

    @Test("what the client encodes as an append is what the server parses", arguments: 0..<50 as Range<UInt64>)
    func appendRoundTrip(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let event = NewEvent(
            category: random.name(),
            aggregateID: random.name(),
            eventType: random.name(),
            data: Array(#"{"a":[1,2]}"#.utf8),
            timestamp: Bool.random(using: &random) ? random.timestamp() : nil,
            version: UInt32.random(in: 1...3, using: &random),
            identifier: Bool.random(using: &random) ? random.identifier() : nil,
            tags: random.names(0...3),
            metadata: Bool.random(using: &random) ? Array("{}".utf8) : nil
        )
        let condition: AppendCondition? =
            Bool.random(using: &random)
            ? AppendCondition(alternatives: [Criteria(tags: random.names(1...3))], after: EventID(random.next())) : nil
        var encoder = CommandEncoder()
        encoder.append(event, unless: condition)
        try withCommand(encoder.bytes) { command in
            guard case .append(let request) = command else {
                Issue.record("not an append")
                return
            }
            #expect(request.event.newEvent == event)
            #expect(request.unless == condition)
        }
    }

    @Test("every command without arguments is known")
    func bare() throws {
        for word in [
            "MULTI", "EXEC", "DISCARD", "EV.PROJECTIONS", "EV.INFO", "INFO", "EV.ROLL", "EV.SNAPSHOT", "EV.COMPACT",
            "EV.VERIFY", "HELLO", "PING", "COMMAND", "QUIT", "RESET", "EV.COUNT", "EV.READ", "EV.SUBSCRIBE",
        ] {
            #expect(refusal([word]) == nil)
            #expect(refusal([word.lowercased()]) == nil)
        }
    }

    @Test("EV.READ has its defaults and takes its options")
    func read() throws {
        func read(_ words: String...) throws -> ReadRequest? {
            try withCommand(["EV.READ"] + words) { if case .read(let request) = $0 { request } else { nil } }
        }
        #expect(try read() == ReadRequest(filter: .all, count: 1000, reversed: false))
        #expect(
            try read("CATEGORY", "order", "AFTER", "$", "COUNT", "5", "REV", "BLOCK", "0")
                == ReadRequest(
                    filter: Filter(alternatives: [Criteria(categories: ["order"])], after: EventID(77)),
                    count: 5,
                    reversed: true,
                    blockMilliseconds: 0
                )
        )
    }

    @Test("a subscription begins at FROM, or after AFTER, or with what is new")
    func subscribe() throws {
        func from(_ words: String...) throws -> EventID? {
            try withCommand(["EV.SUBSCRIBE"] + words) {
                if case .subscribe(let request) = $0 { request.from } else { nil }
            }
        }
        #expect(try from() == nil)
        #expect(try from("FROM", "0") == EventID(0))
        #expect(try from("FROM", "9", "TYPE", "t") == EventID(9))
        #expect(try from("AFTER", "9") == EventID(10))
        #expect(try from("AFTER", String(UInt64.max)) == EventID(.max))
    }

    @Test("states, folds and projections take their moments")
    func moments() throws {
        try withCommand(["EV.STATE", "a", "reducer", "r", "AT", "5.5", "ASOF", "7"]) { command in
            guard case .state(let request) = command else {
                Issue.record("not a state")
                return
            }
            let half = Timestamp(nanoseconds: 5_500_000_000)
            let asOf = AsOf.id(EventID(7))
            #expect(request == StateRequest(aggregateID: "a", reducer: "r", at: half, asOf: asOf, skipsDamage: false))
        }
        try withCommand(["EV.PROJECTION", "p", "ASOF", "@7"]) { command in
            guard case .projection(let request) = command else {
                Issue.record("not a projection")
                return
            }
            let seven = Timestamp(nanoseconds: 7_000_000_000)
            #expect(request == ProjectionRequest(name: "p", at: nil, asOf: .time(seven)))
        }
        try withCommand(["EV.FOLD", "LUA", "return {}", "TYPE", "t"]) { command in
            guard case .fold(let request) = command else {
                Issue.record("not a fold")
                return
            }
            let filter = Filter(alternatives: [Criteria(types: ["t"])])
            #expect(request == FoldRequest(source: .lua("return {}"), filter: filter))
        }
    }

    @Test("SKIPDAMAGE goes with whatever reads by a filter or for an aggregate")
    func skipDamage() throws {
        func filter(_ words: String...) throws -> Filter? {
            try withCommand(words) { command in
                switch command {
                case .read(let request): request.filter
                case .count(let filter): filter
                case .fold(let request): request.filter
                case .subscribe(let request): request.filter
                default: nil
                }
            }
        }
        let skipping = Filter(alternatives: [Criteria(types: ["t"])], skipsDamage: true)
        #expect(try filter("EV.READ", "SKIPDAMAGE", "TYPE", "t", "COUNT", "3") == skipping)
        #expect(try filter("EV.COUNT", "TYPE", "t", "skipdamage") == skipping)
        #expect(try filter("EV.FOLD", "REDUCER", "r", "TYPE", "t", "SKIPDAMAGE") == skipping)
        #expect(try filter("EV.SUBSCRIBE", "TYPE", "t", "SKIPDAMAGE", "FROM", "1") == skipping)
        #expect(try filter("EV.READ", "TYPE", "t")?.skipsDamage == false)
        let state = try withCommand(["EV.STATE", "a", "REDUCER", "r", "SKIPDAMAGE", "AT", "5"]) {
            command -> StateRequest? in
            if case .state(let request) = command { request } else { nil }
        }
        #expect(state?.skipsDamage == true && state?.at == Timestamp(nanoseconds: 5_000_000_000))
    }

    @Test(
        "a command that is wrong is told what was wrong and what was expected",
        arguments: [
            ("FOO", "ERR unknown command 'FOO', with args beginning with: "),
            ("FOO a b", "ERR unknown command 'FOO', with args beginning with: 'a' 'b' "),
            ("EV.APPEND c a t", "ERR wrong number of arguments for 'ev.append' command"),
            ("EV.GET", "ERR wrong number of arguments for 'ev.get' command"),
            ("EV.GET 1 2", "ERR wrong number of arguments for 'ev.get' command"),
            ("PING a b", "ERR wrong number of arguments for 'ping' command"),
            ("EV.GET x", "INVALID argument 1: expected an event id, a decimal integer, got 'x'"),
            ("EV.GET -1", "INVALID argument 1: expected an event id, a decimal integer, got '-1'"),
            (
                "EV.APPEND c a t {} FOO x",
                "INVALID argument 5: expected TIMESTAMP, VERSION, ID, TAG, METADATA, WITHSTATUS or UNLESS, got 'FOO'"
            ),
            ("EV.APPEND c a t {} TAG", "INVALID argument 6 is missing; expected tag"),
            (
                "EV.APPEND c a t {} TIMESTAMP noon",
                "INVALID argument 6: expected a time, in seconds since the Unix epoch or RFC 3339 with its zone, "
                    + "got 'noon'; a date is YYYY-MM-DD"
            ),
            (
                "EV.READ SINCE 2026-13-01T09:00:00Z",
                "INVALID argument 2: expected a time, in seconds since the Unix epoch or RFC 3339 with its zone, "
                    + "got '2026-13-01T09:00:00Z'; the month is 01 to 12, not 13"
            ),
            (
                "EV.READ ASOF 2026-03-01T09:00:00",
                "INVALID argument 2: expected an event id, id@store, @seconds or RFC 3339 with its zone, "
                    + "got '2026-03-01T09:00:00'; the zone is missing; it is Z or ±hh:mm"
            ),
            (
                "EV.READ ASOF @99999999999",
                "INVALID argument 2: expected an event id, id@store, @seconds or RFC 3339 with its zone, "
                    + "got '@99999999999'; times are from 1677-09-21 to 2262-04-11"
            ),
            ("EV.APPEND c a t {} TIMESTAMP 1 TIMESTAMP 2", "INVALID argument 7: TIMESTAMP was given already"),
            ("EV.APPEND c a t {} VERSION 0", "INVALID argument 6: expected an integer from 1 to 4294967295, got '0'"),
            (
                "EV.APPEND c a t {} ID \(String(repeating: "x", count: 256))",
                "INVALID argument 6: identifier is 256 bytes long; expected 1 to 255"
            ),
            ("EV.APPEND c a t {} ID x\u{85}", "INVALID argument 6: identifier holds a control character"),
            ("EV.APPEND c a t {} UNLESS TAG g", "INVALID UNLESS has no AFTER; expected UNLESS FILTER… AFTER id"),
            (
                "EV.APPEND c a t {} UNLESS BEFORE 9 AFTER 1",
                "INVALID argument 6: expected CATEGORY, AGGREGATE, TYPE, TAG, OR or AFTER, got 'BEFORE'"
            ),
            (
                "EV.APPEND c a t {} UNLESS AFTER 1 TAG g",
                "INVALID argument 8: expected the end of the command, got 'TAG'"
            ),
            (
                "EV.APPEND c a t {} UNLESS AFTER $",
                "INVALID argument 7: expected a position: an event id, id@store with the store's UUID, got '$'"
            ),
            (
                "EV.COUNT AFTER x",
                "INVALID argument 2: expected a position: an event id, id@store with the store's UUID, or $, got 'x'"
            ),
            ("EV.COUNT COUNT 5", "INVALID argument 1: expected \(FilterParser.keywords), got 'COUNT'"),
            ("EV.COUNT OR TYPE t", "INVALID argument 1: expected an alternative before OR, got 'OR'"),
            (
                "EV.COUNT TYPE t OR AFTER 5",
                "INVALID OR begins an alternative; expected CATEGORY, AGGREGATE, TYPE or TAG after it"
            ),
            (
                "EV.COUNT ASOF 5.5",
                "INVALID argument 2: expected an event id, id@store, @seconds or RFC 3339 with its zone, got '5.5'"
            ),
            ("EV.READ COUNT 0", "INVALID argument 2: expected a count from 1 to \(Int.max), got '0'"),
            ("EV.READ AFTER 1 AFTER $", "INVALID argument 3: AFTER was given already"),
            ("EV.READ SKIPDAMAGE SKIPDAMAGE", "INVALID argument 2: SKIPDAMAGE was given already"),
            ("EV.STATE a REDUCER r SKIPDAMAGE SKIPDAMAGE", "INVALID argument 5: SKIPDAMAGE was given already"),
            (
                "EV.APPEND c a t {} UNLESS SKIPDAMAGE AFTER 1",
                "INVALID argument 6: expected CATEGORY, AGGREGATE, TYPE, TAG, OR or AFTER, got 'SKIPDAMAGE'"
            ),
            ("EV.PROJECTION p SKIPDAMAGE", "INVALID argument 2: expected AT or ASOF, got 'SKIPDAMAGE'"),
            ("EV.STATE a FOLD r", "INVALID argument 2: expected REDUCER, got 'FOLD'"),
            ("EV.FOLD JS r", "INVALID argument 1: expected REDUCER or LUA, got 'JS'"),
        ]
    )
    func refusals(line: String, message: String) {
        #expect(refusal(line.split(separator: " ").map(String.init)) == message)
    }

    @Test("names are held to their rule, wherever they stand")
    func names() {
        let long = String(repeating: "x", count: 256)
        #expect(
            refusal(["EV.APPEND", "", "a", "t", "{}"])
                == "INVALID argument 1: category is empty; expected 1 to 255 bytes"
        )
        #expect(
            refusal(["EV.APPEND", "c", long, "t", "{}"])
                == "INVALID argument 2: aggregate is 256 bytes long; expected 1 to 255"
        )
        #expect(
            refusal(["EV.APPEND", "c", "a", "t\n", "{}"]) == "INVALID argument 3: type holds a control character"
        )
        #expect(refusal(["EV.READ", "TAG", "\u{7F}"]) == "INVALID argument 2: tag holds a control character")
        #expect(refusal(["EV.APPEND", "c", "a", "t", "not JSON at all"]) == nil)
    }

    @Test("an error never breaks its line, whatever was sent")
    func errorsStayOnTheirLine() throws {
        var random = SplitMix64(seed: 1)
        for _ in 0..<500 {
            let noise = (0..<Int.random(in: 1...80, using: &random)).map { _ in
                UInt8.random(in: .min ... .max, using: &random)
            }
            var commands = CommandEncoder()
            commands.command([noise, noise])
            do {
                try withCommand(commands.bytes) { _ in }
            } catch let error as StoreError {
                var replies = ReplyEncoder()
                replies.error(error)
                #expect(try decodeReplies(replies.bytes).count == 1)
            }
        }
    }
}

extension NewEventParts {
    fileprivate var newEvent: NewEvent {
        NewEvent(
            category: String(decoding: category, as: UTF8.self),
            aggregateID: String(decoding: aggregateID, as: UTF8.self),
            eventType: String(decoding: eventType, as: UTF8.self),
            data: Array(data),
            timestamp: timestamp,
            version: version,
            identifier: identifier?.text,
            tags: tags.map { String(decoding: $0, as: UTF8.self) },
            metadata: metadata.map { Array($0) }
        )
    }
}
