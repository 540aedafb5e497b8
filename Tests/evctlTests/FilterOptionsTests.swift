import EventModel
import Testing

@testable import evctl

@Suite("Filter flags")
struct FilterOptionsTests {
    /// What `evctl count` makes of the arguments.
    func filter(_ arguments: String...) throws -> Filter {
        let invocation = Invocation(arguments: ["count"] + arguments, now: TimeGrammarTests.now)
        let command = try #require(try invocation.command() as? CountCommand)
        return try command.filter.filter(command.global, invocation)
    }

    @Test("no flags are every event")
    func none() throws {
        #expect(try filter() == .all)
    }

    @Test("flags of all kinds gather in one alternative")
    func oneAlternative() throws {
        let filter = try filter(
            "--type",
            "created",
            "--category=order",
            "--tag",
            "a",
            "--tag",
            "b",
            "--type",
            "paid",
            "--aggregate",
            "o-1"
        )
        #expect(
            filter.alternatives == [
                Criteria(categories: ["order"], aggregates: ["o-1"], types: ["created", "paid"], tags: ["a", "b"])
            ]
        )
    }

    @Test("--or begins the next alternative, wherever it stands among the flags")
    func alternatives() throws {
        let filter = try filter(
            "--category",
            "order",
            "--since",
            "5",
            "--tag",
            "vip",
            "--or",
            "--type=refunded",
            "--or",
            "--tag",
            "vip",
            "-o",
            "json",
            "--category",
            "user",
            "--after",
            "7"
        )
        #expect(
            filter.alternatives == [
                Criteria(categories: ["order"], tags: ["vip"]), Criteria(types: ["refunded"]),
                Criteria(categories: ["user"], tags: ["vip"]),
            ]
        )
        #expect(filter.since == Timestamp(nanoseconds: 5_000_000_000))
        #expect(filter.after == EventID(7))
    }

    @Test("a name may hold an equals sign or begin with a minus sign")
    func oddNames() throws {
        #expect(
            try filter("--tag", "a=b", "--tag=c=d", "--tag=-e").alternatives == [Criteria(tags: ["a=b", "c=d", "-e"])]
        )
    }

    @Test("bounds are read once, and times may begin with a minus sign")
    func bounds() throws {
        let filter = try filter("--after", "3", "--before", "9", "--since", "-1h", "--until=now", "--as-of", "8")
        #expect(filter.after == EventID(3))
        #expect(filter.before == EventID(9))
        #expect(filter.since?.rfc3339 == "2026-03-01T08:30:00.25Z")
        #expect(filter.until == TimeGrammarTests.now)
        #expect(filter.asOf == .id(EventID(8)))
        #expect(filter.alternatives.isEmpty)
    }

    @Test("--at and --until are one bound in every command that asks, and may be given once")
    func atIsUntil() throws {
        let moment = Timestamp(rfc3339: "2026-03-01T00:00:00Z")
        for name in ["--at", "--until"] {
            #expect(try filter(name, "2026-03-01", "--utc").until == moment)
            for words in [
                ["state", "a", "--reducer", "r"], ["projection", "show", "p"], ["bench", "state", "--reducer", "r"],
            ] {
                let invocation = Invocation(
                    arguments: words + [name, "2026-03-01", "--utc"],
                    now: TimeGrammarTests.now
                )
                let grammar = TimeGrammarTests.utc
                switch try invocation.command() {
                case let state as StateCommand: #expect(try state.moment.values(state.global, invocation).at == moment)
                case let show as ProjectionShowCommand:
                    #expect(try show.moment.values(show.global, invocation).at == moment)
                case let bench as BenchStateCommand: #expect(try bench.until.moment(grammar) == moment)
                default: Issue.record("another command than \(words)")
                }
            }
        }
        #expect(throws: Failure.self) { try filter("--at", "5", "--until", "6") }
        #expect(throws: Failure.self) { try filter("--until", "5", "--until", "6") }
    }

    @Test(
        "what cannot be meant is an error of usage",
        arguments: [
            ["--or"], ["--or", "--tag", "a"], ["--tag", "a", "--or"], ["--tag", "a", "--or", "--or", "--tag", "b"],
            ["--tag", ""], ["--type"], ["--after", "x"], ["--after", "-1"], ["--since", "soon"], ["--as-of", "soon"],
            ["--tag", "a\nb"],
        ]
    )
    func refused(arguments: [String]) {
        let invocation = Invocation(arguments: ["count"] + arguments, now: TimeGrammarTests.now)
        do {
            let command = try invocation.command() as? CountCommand
            _ = try command?.filter.filter(command!.global, invocation)
            Issue.record("accepted")
        } catch {
            #expect(Outcome(of: error).status == .usage)
        }
    }
}
