// Owns: the promises of WITHHEAD and of EV.LAST: a reader knows without a further question whether it has come to the end.

import EventModel
import EventStore
import EventWire
import Testing

@testable import EventStoreServer

@Suite(.timeLimit(.minutes(20))) struct PageTests {
    private func run(_ body: (RawConnection) async throws -> Void) async throws {
        try await TestServer.run { test in
            let client = try test.connect()
            for n in 1...10 { _ = try client.ask("EV.APPEND", n > 6 ? "late" : "early", "a", "t", "{\"n\":\(n)}") }
            try await body(client)
        }
    }

    private struct Page: Equatable {
        var head: UInt64?
        var more: UInt64?
        var ids: [UInt64]

        init(_ head: UInt64?, _ more: UInt64?, _ ids: [UInt64]) { (self.head, self.more, self.ids) = (head, more, ids) }
    }

    private func page(_ client: RawConnection, _ words: String...) throws -> Page {
        let parts = try client.ask(["EV.READ"] + words + ["WITHHEAD"]).elements ?? []
        guard parts.count == 3 else { return Page(nil, nil, []) }
        return Page(parts[0].unsigned, parts[1].unsigned, parts[2].events?.map(\.id.rawValue) ?? [])
    }

    @Test("A page says how far the store goes, and whether more of what matches comes behind it")
    func pages() async throws {
        try await run { client in
            let whole = try page(client)
            #expect(whole == Page(10, 0, Array(1...10)))
            #expect(try page(client, "COUNT", "10") == Page(10, 0, Array(1...10)))
            #expect(try page(client, "COUNT", "9") == Page(10, 1, Array(1...9)))
            #expect(try page(client, "COUNT", "6", "CATEGORY", "early") == Page(10, 0, Array(1...6)))
            #expect(try page(client, "COUNT", "5", "CATEGORY", "early") == Page(10, 1, Array(1...5)))
            #expect(try page(client, "COUNT", "2", "REV") == Page(10, 1, [10, 9]))
            #expect(try page(client, "COUNT", "4", "REV", "CATEGORY", "late") == Page(10, 0, [10, 9, 8, 7]))
            #expect(try page(client, "AFTER", "10") == Page(10, 0, []))
            #expect(try page(client, "CATEGORY", "none") == Page(10, 0, []))
            #expect(try page(client, "COUNT", "9223372036854775807") == Page(10, 0, Array(1...10)))
            #expect(try page(client, "BEFORE", "5", "COUNT", "4") == Page(10, 0, Array(1...4)))
        }
    }

    @Test("A page that ends for want of bytes has more behind it, or says that it has not")
    func bytes() async throws {
        try await TestServer.run(server: { $0.replyBytes = 64 << 10 }) { test in
            let client = try test.connect()
            let data = "{\"p\":\"\(String(repeating: "x", count: 20_000))\"}"
            for _ in 1...7 { _ = try client.ask("EV.APPEND", "c", "a", "t", data) }
            var (seen, more, rounds) = ([UInt64](), UInt64(1), 0)
            while more == 1, rounds < 10 {
                let next = try page(client, "AFTER", "\(seen.last ?? 0)")
                seen += next.ids
                more = next.more ?? 9
                rounds += 1
            }
            #expect(seen == Array(1...7) && more == 0 && rounds == 3)
        }
    }

    @Test("WITHHEAD and BLOCK exclude each other")
    func block() async throws {
        try await run { client in
            let error = try client.error("EV.READ", "WITHHEAD", "BLOCK", "1") ?? "none"
            #expect(error.hasPrefix("INVALID WITHHEAD and BLOCK"))
        }
    }

    @Test("EV.LAST is the id of the last event that matches, 0 where there is none")
    func last() async throws {
        try await TestServer.run { test in
            let none = try test.connect().ask("EV.LAST")
            #expect(none == .integer(0))
        }
        try await run { client in
            let last = try client.ask("EV.LAST")
            #expect(last == .integer(10))
            #expect(try client.ask("EV.LAST", "CATEGORY", "early") == .integer(6))
            #expect(try client.ask("EV.LAST", "CATEGORY", "early", "BEFORE", "4") == .integer(3))
            #expect(try client.ask("EV.LAST", "BEFORE", "4") == .integer(3))
            #expect(try client.ask("EV.LAST", "ASOF", "8", "CATEGORY", "late") == .integer(8))
            #expect(try client.ask("EV.LAST", "CATEGORY", "late", "AFTER", "$") == .integer(0))
            #expect(try client.ask("EV.LAST", "TAG", "none") == .integer(0))
            #expect(try client.error("EV.LAST", "AFTER", "11")?.hasPrefix("POSITION 10 ") == true)
        }
    }
}
