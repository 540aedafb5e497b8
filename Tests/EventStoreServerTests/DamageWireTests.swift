// Owns: damage as a client of the wire meets it: which ids, how to go on, and what is said of answers that lack something.

import EventModel
import EventStore
import EventWire
import Foundation
import SegmentLog
import Testing

@testable import EventStoreServer

@Suite(.timeLimit(.minutes(20))) struct DamageWireTests {
    private static let counts = "return { reduce = function(s, e) s.count = (s.count or 0) + 1 return s end }"

    /// A server whose store has lost events 11 to 20 of 30: the segment is missing.
    private func withDamage(_ body: (TestServer) async throws -> Void) async throws {
        let directory = TemporaryDirectory()
        var options = StoreOptions(directory: directory.path + "/data")
        options.log.segmentBytes = 1 << 20
        options.log.spareFiles = 0
        try await TestServer.run(store: { $0 = options }) { test in
            let connection = try test.connect()
            for part in 0..<3 {
                for n in 0..<10 {
                    _ = try connection.ask("EV.APPEND", "c", "a-\(part)", "t", "{\"n\":\(n)}", "TIMESTAMP", "\(n)")
                }
                _ = try connection.ask("EV.ROLL")
                #expect(eventually { test.store.info.log.sealedSegments == part + 1 })
            }
        }
        try FileManager.default.removeItem(atPath: options.directory + "/log/00000000000000000011.segment")
        try await TestServer.run(
            reducers: ["counts": Self.counts],
            store: { $0.directory = options.directory },
            body
        )
        withExtendedLifetime(directory) {}
    }

    private func ids(_ value: RESPValue) -> [UInt64]? { value.events?.map(\.id.rawValue) }

    @Test("EV.READ gives what lies before the damage, then names it, and goes on behind it")
    func reading() async throws {
        try await withDamage { test in
            let connection = try test.connect()
            #expect(ids(try connection.ask("EV.READ")) == Array(1...10))
            #expect(try connection.error("EV.READ", "AFTER", "10")?.hasPrefix("CORRUPT 11 20 ") == true)
            #expect(try connection.error("EV.READ", "AFTER", "10", "BLOCK", "50")?.hasPrefix("CORRUPT 11 20 ") == true)
            #expect(ids(try connection.ask("EV.READ", "AFTER", "20")) == Array(21...30))
            #expect(ids(try connection.ask("EV.READ", "REV")) == Array(21...30).reversed())
            #expect(try connection.error("EV.READ", "REV", "BEFORE", "21")?.hasPrefix("CORRUPT 11 20 ") == true)
            #expect(ids(try connection.ask("EV.READ", "REV", "BEFORE", "11")) == Array(1...10).reversed())
            #expect(try connection.error("EV.GET", "15")?.hasPrefix("CORRUPT 11 20 ") == true)
            #expect(try connection.error("EV.COUNT", "AGGREGATE", "a-2")?.hasPrefix("CORRUPT 11 20 ") == true)
            let append = ["EV.APPEND", "c", "new", "t", "{}"]
            #expect(
                try connection.error(append + ["UNLESS", "AGGREGATE", "new", "AFTER", "0"])?.hasPrefix("CORRUPT 11 20 ")
                    == true
            )
            #expect(
                try connection.error(append + ["ID", EventUUID.random().description])?.hasPrefix("CORRUPT 11 20 ")
                    == true
            )
            #expect(try connection.ask(append) == .integer(31))
            #expect(try connection.ask(append + ["UNLESS", "AGGREGATE", "new2", "AFTER", "20"]) == .integer(32))
            #expect(try test.info("state") == "degraded" && test.info("damaged") == "11-20")
        }
    }

    @Test("SKIPDAMAGE passes over it, in every command that reads")
    func skipping() async throws {
        try await withDamage { test in
            let connection = try test.connect()
            let readable = Array(1...10) + Array(21...30) as [UInt64]
            #expect(ids(try connection.ask("EV.READ", "SKIPDAMAGE")) == readable)
            #expect(ids(try connection.ask("EV.READ", "REV", "SKIPDAMAGE")) == readable.reversed())
            #expect(ids(try connection.ask("EV.READ", "AFTER", "10", "BLOCK", "0", "SKIPDAMAGE")) == Array(21...30))
            #expect(ids(try connection.ask("EV.READ", "AGGREGATE", "a-2", "SKIPDAMAGE")) == Array(21...30))
            #expect(try connection.ask("EV.COUNT", "SKIPDAMAGE") == .integer(20))
            #expect(
                try connection.ask("EV.STATE", "a-2", "REDUCER", "counts", "SKIPDAMAGE").text
                    == #"{"aggregate_id":"a-2","reducer":"counts","events_processed":10,"event_id":30,"#
                    + #""state":{"count":10},"lacking":[[11,20]]}"#
            )
            #expect(
                try connection.ask("EV.FOLD", "REDUCER", "counts", "SKIPDAMAGE", "BEFORE", "16").text
                    == #"{"reducer":"counts","events_processed":10,"event_id":10,"state":{"count":10},"lacking":[[11,15]]}"#
            )
            // Where nothing is lacking, nothing is added.
            #expect(
                try connection.ask("EV.FOLD", "REDUCER", "counts", "SKIPDAMAGE", "AFTER", "20").text
                    == #"{"reducer":"counts","events_processed":10,"event_id":30,"state":{"count":10}}"#
            )
            #expect(try connection.error("EV.STATE", "a-2", "REDUCER", "counts")?.hasPrefix("CORRUPT 11 20 ") == true)
            #expect(try connection.error("EV.FOLD", "REDUCER", "counts")?.hasPrefix("CORRUPT 11 20 ") == true)
        }
    }

    @Test("A wait that comes to the damage is told at once, and one that skips it waits for what is new")
    func blocking() async throws {
        try await withDamage { test in
            let (reader, writer) = (try test.connect(), try test.connect())
            try reader.send([["EV.READ", "AGGREGATE", "new", "SKIPDAMAGE", "BLOCK", "0"]])
            #expect(try writer.ask("EV.APPEND", "c", "new", "t", "{}") == .integer(31))
            #expect(ids(try reader.receive()) == [31])
            #expect(
                try reader.error("EV.READ", "AGGREGATE", "newer", "BLOCK", "0")?.hasPrefix("CORRUPT 11 20 ") == true
            )
        }
    }

    @Test("A subscription ends with the ids that are lost; one that skips damage goes on and lives")
    func subscribing() async throws {
        try await withDamage { test in
            let (strict, skipping) = (try test.connect(resp3: true), try test.connect(resp3: true))
            func push(_ connection: RawConnection) throws -> UInt64? {
                guard case .push(let parts) = try connection.receive() else { return nil }
                return parts[2].event?.id.rawValue
            }
            #expect(try strict.ask("EV.SUBSCRIBE", "FROM", "1") == .integer(1))
            #expect(try (1...10).map { _ in try push(strict) } == Array(1...10))
            guard case .push(let end) = try strict.receive() else { return #expect(Bool(false)) }
            #expect(end[0].text == "ev.end" && end[2].text?.hasPrefix("CORRUPT 11 20 ") == true)
            #expect(try strict.ask("EV.SUBSCRIBE", "AFTER", "20") == .integer(2))
            #expect(try push(strict) == 21)

            #expect(try skipping.ask("EV.SUBSCRIBE", "FROM", "1", "SKIPDAMAGE") == .integer(1))
            #expect(try (1...20).map { _ in try push(skipping) } == Array(1...10) + Array(21...30))
            _ = try test.connect().ask("EV.APPEND", "c", "a", "t", "{}")
            #expect(try push(skipping) == 31)
        }
    }

    @Test("A projection says what it lacks, in the list, now, and at any moment of the past")
    func projections() async throws {
        try await withDamage { test in
            let connection = try test.connect()
            #expect(
                try connection.ask("EV.PROJECTION", "counts").text
                    == #"{"name":"counts","events_processed":20,"event_id":30,"state":{"count":20},"lacking":[[11,20]]}"#
            )
            #expect(
                try connection.ask("EV.PROJECTION", "counts", "ASOF", "13").text
                    == #"{"name":"counts","events_processed":10,"event_id":10,"state":{"count":10},"lacking":[[11,13]]}"#
            )
            #expect(
                try connection.ask("EV.PROJECTION", "counts", "ASOF", "10").text
                    == #"{"name":"counts","events_processed":10,"event_id":10,"state":{"count":10}}"#
            )
            let status = try #require(try connection.ask("EV.PROJECTIONS").elements?.first)
            #expect(status[field: "health"]?.text == "live")
            #expect(status[field: "lacking"] == .array([.array([.integer(11), .integer(20)])]))
        }
    }

    @Test("EV.VERIFY names what is lost and in which file, and EV.INFO says how far a check is")
    func verifying() async throws {
        try await withDamage { test in
            let connection = try test.connect()
            let path = test.store.options.directory + "/log/00000000000000000021.segment"
            var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            bytes[270] ^= 1
            try bytes.write(to: URL(fileURLWithPath: path))
            let text = try connection.ask("EV.VERIFY").text ?? ""
            #expect(text.hasPrefix(#"{"events":10,"segments":2,"#) || text.hasPrefix(#"{"events":10,"segments":3,"#))
            #expect(text.contains(#""damaged":[{"first":11,"last":30}],"#))
            #expect(text.contains(#"{"file":"log/00000000000000000021.segment","damaged":[{"first":21,"last":30}],"#))
            #expect(text.contains(#""snapshots":0,"torn_bytes":0,"#))
            #expect(try test.info("verify_percent") == "")
        }
    }
}
