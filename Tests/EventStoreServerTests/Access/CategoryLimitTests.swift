// Owns: the promises about roles that are limited to categories: what lies outside is refused by name, and never left out in
// silence.

import EventModel
import EventWire
import Testing

@testable import EventStoreServer

@Suite(.timeLimit(.minutes(20))) struct CategoryLimitTests {
    private static let counts = "return { reduce = function(s, e) s.n = (s.n or 0) + 1 return s end }"
    private static let rules = [
        "user 4001: read(order payment) append(order) reduce(order)", "user 4002: read append(order)",
        "everyone: append",
    ]

    /// Two orders and a secret, appended by root.
    private func run(_ body: (Peers, RawConnection) async throws -> Void) async throws {
        try await Peers.run(Self.rules, reducers: ["counts": Self.counts]) { peers in
            let root = try peers.connect(0)
            for category in ["order", "secret", "order"] {
                _ = try root.ask("EV.APPEND", category, "a", "t", "{}")
            }
            try await body(peers, try peers.connect(4001))
        }
    }

    private static let allowed: [([String], RESPValue?)] = [
        (["EV.COUNT", "CATEGORY", "order"], .integer(2)),
        (["EV.COUNT", "CATEGORY", "order", "CATEGORY", "payment"], .integer(2)),
        (["EV.COUNT", "CATEGORY", "order", "TYPE", "t", "OR", "CATEGORY", "payment"], .integer(2)),
        (["EV.LAST", "CATEGORY", "order"], .integer(3)), (["EV.READ", "CATEGORY", "order"], nil),
        (["EV.READ", "CATEGORY", "payment", "BLOCK", "1"], .null), (["EV.GET", "1"], nil), (["EV.GET", "99"], .null),
        (["EV.STATE", "a", "REDUCER", "counts", "CATEGORY", "order"], nil),
        (["EV.SUBSCRIBE", "CATEGORY", "payment"], nil),
        (["EV.FOLD", "REDUCER", "counts", "CATEGORY", "payment"], nil), (["EV.REDUCERS"], nil),
        (["EV.FOLD", "LUA", counts, "CATEGORY", "order"], nil),
        (["EV.APPEND", "order", "a", "t", "{}"], .integer(4)),
        (["EV.APPEND", "order", "a", "t", "{}", "UNLESS", "CATEGORY", "payment", "AFTER", "0"], .integer(5)),
    ]

    private static let refused: [([String], String)] = [
        (
            ["EV.COUNT"],
            "EV.COUNT needs the role read for every category, which user 4001 has for some only; ask with "
                + "CATEGORY order or CATEGORY payment in each alternative"
        ),
        (["EV.COUNT", "AGGREGATE", "a"], "for every category"), (["EV.LAST"], "for every category"),
        (
            ["EV.COUNT", "CATEGORY", "secret"],
            "EV.COUNT needs the role read for the category 'secret', which user 4001"
        ),
        (["EV.COUNT", "CATEGORY", "order", "CATEGORY", "secret"], "'secret'"),
        (["EV.COUNT", "CATEGORY", "order", "OR", "TAG", "g"], "for every category"),
        (["EV.READ", "CATEGORY", "order", "OR", "CATEGORY", "secret"], "'secret'"),
        (["EV.READ", "BLOCK", "0"], "for every category"), (["EV.READ", "WITHHEAD"], "for every category"),
        (["EV.GET", "2"], "EV.GET needs the role read for the event's category"),
        (["EV.BLOCKS"], "for every category"), (["EV.PROJECTION", "counts"], "for every category"),
        (["EV.PROJECTIONS"], "for every category"), (["EV.STATE", "a", "REDUCER", "counts"], "for every category"),
        (["EV.STATE", "a", "REDUCER", "counts", "CATEGORY", "secret"], "'secret'"),
        (["EV.SUBSCRIBE"], "for every category"), (["EV.SUBSCRIBE", "CATEGORY", "Order"], "'Order'"),
        (["EV.FOLD", "REDUCER", "counts"], "read for every category"),
        (["EV.FOLD", "LUA", counts, "CATEGORY", "payment"], "role reduce for the category 'payment'"),
        (["EV.APPEND", "secret", "a", "t", "{}"], "EV.APPEND needs the role append for the category 'secret'"),
        (["EV.APPEND", "payment", "a", "t", "{}"], "append for the category 'payment'"),
        (["EV.APPEND", "order", "a", "t", "{}", "UNLESS", "AGGREGATE", "a", "AFTER", "0"], "read for every category"),
        (["EV.APPEND", "order", "a", "t", "{}", "UNLESS", "AFTER", "0"], "read for every category"),
        (
            ["EV.APPEND", "order", "a", "t", "{}", "UNLESS", "CATEGORY", "secret", "AFTER", "0"],
            "read for the category 'secret'"
        ),
    ]

    @Test("What names permitted categories only is answered as ever")
    func allowedOnes() async throws {
        try await run { _, connection in
            for (words, expected) in Self.allowed {
                let answer = try connection.ask(words)
                #expect(answer.errorText == nil && expected ?? answer == answer, "\(words): \(answer)")
            }
        }
    }

    @Test("What could come to an event of another category is refused, and the text says which")
    func refusedOnes() async throws {
        try await run { peers, connection in
            for (words, expected) in Self.refused {
                let answer = try connection.ask(words)
                #expect(isRefused(answer, expected), "\(words): \(answer)")
            }
            #expect(try peers.connect(0).ask("EV.COUNT") == .integer(3))
        }
    }

    @Test("An append to another category breaks a transaction; a burst of appends is looked through one by one")
    func appends() async throws {
        try await run { peers, connection in
            let (good, bad) = (["EV.APPEND", "order", "a", "t", "{}"], ["EV.APPEND", "secret", "a", "t", "{}"])
            try connection.send([["MULTI"], good, bad, ["EXEC"]])
            let transaction = try connection.receive(4)
            #expect(transaction[1] == .queued && isRefused(transaction[2], "'secret'"))
            #expect(transaction[3].errorText?.contains("EXECABORT") == true)
            try connection.send([good, bad, good, bad, good])
            let burst = try connection.receive(5)
            #expect([burst[0], burst[2], burst[4]] == [.integer(4), .integer(5), .integer(6)])
            #expect(isRefused(burst[1], "'secret'") && isRefused(burst[3], "'secret'"))
            // Whoever may append everything but ask nothing has no condition.
            let other = try peers.connect(4009)
            #expect(try other.ask(bad) == .integer(7))
            #expect(isRefused(try other.ask(good + ["UNLESS", "CATEGORY", "order", "AFTER", "0"]), "role read"))
            #expect(try peers.connect(4002).ask("EV.COUNT") == .integer(7))
        }
    }

    @Test("In what an event differs from the one that has its ID is told to whoever may read all, and to nobody else")
    func reused() async throws {
        try await run { peers, connection in
            let stored = ["EV.APPEND", "secret", "a", "t", #"{"n":1}"#, "ID", "x"]
            #expect(try peers.connect(0).ask(stored) == .integer(4))
            let other = ["EV.APPEND", "order", "a", "t", #"{"n":2}"#, "ID", "x"]
            #expect(
                try peers.connect(4002).error(other)?.contains("differs from this one in its category, its data")
                    == true
            )
            let less = "REUSED 4 an ID is that of event 4, which is not the same"
            for user: UInt32 in [4001, 4009] {
                let client = try peers.connect(user)
                #expect(try client.error(other) == less)
                try client.send([["MULTI"], other, ["EXEC"]])
                let refusal = try #require(try client.receive(3)[2].elements)
                #expect(refusal.map(\.errorText) == [less])
            }
        }
    }

    @Test("Of many categories a refusal names the first, and how many more there are")
    func manyCategories() {
        let list = CategoryList((0..<30).map { "c\($0)" })
        #expect(list.words.hasPrefix("CATEGORY c0 or CATEGORY c1 or") && list.words.hasSuffix("or one of 22 more"))
    }
}
