import EventModel
import EventStoreClient
import Testing

@testable import evctl

@Suite("Pages of events")
struct EventPagesTests {
    @Test("are read to the end, or to a limit, in either direction")
    func pages() async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let daemon = try Daemon(directory)
        try await daemon.start()
        let client = try await EventStoreClient.connect(.patient(daemon.socket))
        let pages = EventPages(client: client)
        #expect(try await pages.tail() == .zero)

        let events = (1...2500).map {
            NewEvent(category: $0 % 2 == 0 ? "even" : "odd", aggregateID: "a", eventType: "t")
        }
        for result in try await client.appendPipelined(events) { _ = try result.get() }
        #expect(try await pages.tail() == EventID(2500))

        func ids(_ filter: Filter, reversed: Bool = false, limit: Int = .max) async throws -> [UInt64] {
            var ids: [UInt64] = []
            try await pages.forEachPage(filter, reversed: reversed, limit: limit) { ids += $0.map(\.id.rawValue) }
            return ids
        }
        let even = Filter(alternatives: [Criteria(categories: ["even"])])
        #expect(try await ids(.all) == Array(1...2500))
        #expect(try await ids(.all, reversed: true, limit: 1200) == Array((1301...2500).reversed()))
        #expect(try await ids(even, limit: 3) == [2, 4, 6])
        #expect(try await ids(even, limit: 0) == [])
        #expect(
            try await ids(pages.narrow(even, toLast: 1100).filter) == Array(stride(from: 302, through: 2500, by: 2))
        )
        #expect(try await ids(pages.narrow(even, toLast: 9999).filter).count == 1250)

        await client.close()
        await daemon.end()
    }
}
