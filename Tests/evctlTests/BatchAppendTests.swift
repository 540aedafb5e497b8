// Owns: the promises of appends under a condition, and of several events at once, through the program itself.

import EventModel
import Testing

@testable import evctl

@Suite("Conditions and batches", .timeLimit(.minutes(20)))
struct BatchAppendTests {
    /// Runs scripts one after the other against one store, and gives what each came to.
    private func run(_ scripts: String...) async throws -> [ProgramResult] {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let daemon = try Daemon(directory)
        try await daemon.start()
        var results: [ProgramResult] = []
        for script in scripts { results.append(try await Program.shell(script, socket: daemon.socket)) }
        await daemon.end()
        return results
    }

    private static let two =
        #"printf '%s\n' '{"category":"order","event_type":"t","aggregate_id":"1"}' "#
        + #"'{"category":"order","event_type":"t","aggregate_id":"2","tags":["x"]}' | "$0" append --batch - "#

    private func condition(_ arguments: [String], _ events: [NewEvent]) throws -> AppendCondition? {
        let invocation = Invocation(arguments: ["append"] + arguments, now: Timestamp(nanoseconds: 0))
        let command = try #require(try invocation.command() as? AppendCommand)
        return try command.condition.condition(for: events, invocation)
    }

    private let event = NewEvent(category: "order", aggregateID: "42", eventType: "t")

    @Test("without flags there is none")
    func none() throws {
        #expect(try condition(["order", "42", "t", "--tag", "x"], [event]) == nil)
    }

    @Test(
        "--unless-after alone is about the aggregate that is appended to: of its category, and once if it is there twice"
    )
    func aggregate() throws {
        let order = Criteria(categories: ["order"], aggregates: ["42"])
        #expect(
            try condition(["order", "42", "t", "--unless-after", "7"], [event])
                == AppendCondition(alternatives: [order], after: EventID(7))
        )
        let payment = NewEvent(category: "payment", aggregateID: "42", eventType: "t")
        #expect(
            try condition(["--batch", "-", "--unless-after", "0"], [event, payment, event])
                == AppendCondition(
                    alternatives: [order, Criteria(categories: ["payment"], aggregates: ["42"])],
                    after: .zero
                )
        )
    }

    @Test("the flags of a filter, with unless- before each, are any filter; the event's own tags are no part of it")
    func filter() throws {
        let arguments = [
            "order", "42", "t", "--tag", "own", "--unless-category", "order", "--unless-type=closed", "--unless-or",
            "--unless-tag", "a", "--unless-tag=b", "--unless-after", "9",
        ]
        #expect(
            try condition(arguments, [event])
                == AppendCondition(
                    alternatives: [Criteria(categories: ["order"], types: ["closed"]), Criteria(tags: ["a", "b"])],
                    after: EventID(9)
                )
        )
        #expect(
            try condition(["order", "42", "t", "--unless-aggregate", "43"], [event])
                == AppendCondition(alternatives: [Criteria(aggregates: ["43"])], after: .zero)
        )
    }

    @Test(
        "what cannot be meant is an error of usage",
        arguments: [
            ["c", "a", "t", "--unless-or"], ["c", "a", "t", "--unless-tag", "a", "--unless-or"],
            ["c", "a", "t", "--unless-tag", ""], ["c", "a", "t", "--unless-after", "x"], ["c", "a"], [],
            ["c", "a", "t", "--batch", "-"], ["--batch", "-", "--tag", "x"], ["--batch", "-", "--at", "now"],
            ["--batch", "-", "--id", "x"], ["--batch", "-", "--event-version", "1"], ["--batch"],
        ]
    )
    func refused(arguments: [String]) {
        let error = #expect(throws: (any Error).self) { try condition(arguments, [event]) }
        #expect(Outcome(of: error!).status == .usage)
    }

    @Test("order 42 and payment 42 do not conflict, and order 42 with itself does")
    func identity() async throws {
        let results = try await run(
            #""$0" append payment 42 t --unless-after 0"#,
            #""$0" append order 42 t --unless-after 0"#,
            #""$0" append order 42 t --unless-after 0"#,
            #""$0" append order 42 t --unless-after 2"#
        )
        #expect(results.map(\.status) == [0, 0, 4, 0])
        #expect(results.map(\.lines) == [["1"], ["2"], [], ["3"]])
    }

    @Test("a retry says that the event was there already; other content under its ID is refused with 4")
    func retry() async throws {
        let id = "--id 00000000-0000-4000-8000-000000000001"
        let results = try await run(
            #""$0" append order 42 t \#(id)"#,
            #""$0" append order 42 t \#(id)"#,
            #""$0" append order 42 t \#(id) -o json"#,
            #""$0" append order 42 other \#(id)"#,
            #""$0" append -q order 42 t \#(id)"#
        )
        #expect(results.map(\.status) == [0, 0, 0, 4, 0])
        #expect(results[0].errors.isEmpty && results[4].errors.isEmpty)
        #expect(results[1].lines == ["1"] && results[1].errors == "evctl: event 1 was there already, with this ID\n")
        #expect(results[2].lines == [#"{"event_id":1,"existed":true}"#])
        #expect(results[3].errors.hasPrefix("evctl: REUSED 1 "))
    }

    @Test("a position beyond the tail, or of another store, is refused with 4 in every command that takes one")
    func positions() async throws {
        let results = try await run(
            #""$0" append order 42 t"#,
            #""$0" append order 42 t --unless-after 7"#,
            #""$0" read --after 7"#,
            #""$0" read --before 7"#,
            #""$0" read -f --after 7"#,
            #""$0" count --as-of 7"#,
            #""$0" export --after 7"#,
            #""$0" subscribe --from 7"#,
            #""$0" subscribe --after 1@01234567-89ab-7def-8123-456789abcdef"#,
            #""$0" read --after 0@01234567-89ab-7def-8123-456789abcdef"#,
            #""$0" count --after 0@$("$0" status -o json | sed 's/.*store_uuid":"//;s/".*//')"#
        )
        #expect(results.map(\.status) == [0, 4, 4, 4, 4, 4, 4, 4, 4, 4, 0])
        for result in results[1...9] { #expect(result.errors.hasPrefix("evctl: POSITION 1 "), "\(result)") }
        #expect(results[10].lines == ["1"])
    }

    @Test("a batch is one commit that prints its ids, and its condition decides about all of it")
    func batch() async throws {
        let results = try await run(
            Self.two,
            Self.two + "--unless-after 0",
            Self.two + "--unless-category payment --unless-or --unless-tag x --unless-after 1",
            Self.two + "--unless-tag x --unless-after 2 -o json",
            #""$0" count"#
        )
        #expect(results.map(\.status) == [0, 4, 4, 0, 0])
        #expect(results[0].lines == ["1", "2"] && results[3].ids == [3, 4])
        #expect(results[4].lines == ["4"])
    }

    @Test("a batch of which one line is refused, by evctl or by the daemon, appends nothing")
    func allOrNone() async throws {
        let good = #"{"category":"c","event_type":"t","aggregate_id":"a"}"#
        let results = try await run(
            #"printf '%s\n' '\#(good)' '{"category":"c"}' | "$0" append --batch -"#,
            #"printf '%s\n' '\#(good)' '{"category":"c","event_type":"t","aggregate_id":"a","data":{"a":1,"a":}}' | "$0" append --batch -"#,
            #"{ echo '\#(good)'; printf '{"category":"c","event_type":"t","aggregate_id":"a","data":{"a":"'; head -c 1100000 /dev/zero | tr '\0' x; echo '"}}'; } | "$0" append --batch -"#,
            #""$0" append --batch - </dev/null"#,
            #""$0" count"#
        )
        #expect(results.map(\.status) == [1, 1, 1, 1, 0])
        #expect(results[0].errors.hasPrefix("evctl: line 2: "))
        #expect(results[2].errors.hasPrefix("evctl: TOOBIG"), "\(results[2].errors)")
        #expect(results[4].lines == ["0"])
    }
}
