// Owns: the shapes of the answers that programs and people administer a store by.

import EventStoreServer
import EventWire
import Foundation
import Testing

@Suite(.timeLimit(.minutes(20))) struct AdministrationTests {
    private let append = ["EV.APPEND", "c", "a", "t", #"{"n":1}"#]
    private static let counts = "return { reduce = function(s, e) s.count = (s.count or 0) + 1 return s end }"

    @Test("EV.ROLL says which ids were closed, or that there were none")
    func roll() async throws {
        try await TestServer.run { test in
            let connection = try test.connect()
            #expect(try connection.ask("EV.ROLL").text == #"{"rolled":false}"#)
            for _ in 0..<3 { _ = try connection.ask(append) }
            #expect(try connection.ask("EV.ROLL").text == #"{"rolled":true,"first_id":1,"last_id":3}"#)
            #expect(try connection.ask("EV.ROLL").text == #"{"rolled":false}"#)
            #expect(try connection.ask(append) == .integer(4))
            #expect(try connection.ask("EV.ROLL").text == #"{"rolled":true,"first_id":4,"last_id":4}"#)
        }
    }

    @Test("EV.COMPACT says what was gained, EV.VERIFY what was checked")
    func compactAndVerify() async throws {
        try await TestServer.run { test in
            let connection = try test.connect()
            for _ in 0..<4 {
                _ = try connection.ask(append)
                _ = try connection.ask("EV.ROLL")
            }
            let report = try object(connection.ask("EV.COMPACT"))
            #expect(Set(report.keys) == ["segments_before", "segments_after", "bytes_before", "bytes_after"])
            #expect(report["segments_after"] as? Int == 1)
            let verified = try object(connection.ask("EV.VERIFY"))
            #expect(verified["events"] as? Int == 4)
            #expect((verified["damaged"] as? [Any])?.isEmpty == true)
            #expect(verified["problems"] as? [String] == [])
            #expect(verified["segments"] as? Int ?? 0 >= 1)
            #expect(verified["bytes"] as? Int ?? 0 > 0)
        }
    }

    @Test("EV.PROJECTIONS, EV.PROJECTION, EV.SNAPSHOT and EV.REBUILD")
    func projections() async throws {
        try await TestServer.run(reducers: ["counts": Self.counts]) { test in
            let connection = try test.connect(resp3: true)
            for _ in 0..<3 { _ = try connection.ask(append) }
            #expect(
                try connection.ask("EV.PROJECTION", "counts").text
                    == #"{"name":"counts","events_processed":3,"event_id":3,"state":{"count":3}}"#
            )
            #expect(
                try connection.ask("EV.PROJECTION", "counts", "ASOF", "0").text
                    == #"{"name":"counts","events_processed":0,"event_id":null,"state":{}}"#
            )
            let list = try #require(try connection.ask("EV.PROJECTIONS").elements)
            #expect(list.count == 1)
            #expect(
                list[0]
                    == .map([
                        .bulk(Array("name".utf8)), .bulk(Array("counts".utf8)), .bulk(Array("event_id".utf8)),
                        .integer(3),
                        .bulk(Array("lag".utf8)), .integer(0), .bulk(Array("health".utf8)), .bulk(Array("live".utf8)),
                        .bulk(Array("events_processed".utf8)), .integer(3),
                    ])
            )
            let snapshots = try object(connection.ask("EV.SNAPSHOT"))["snapshots"] as? [[String: Any]]
            #expect(snapshots?.count == 1)
            #expect(snapshots?[0]["projection"] as? String == "counts")
            #expect(snapshots?[0]["event_id"] as? Int == 3)
            #expect(snapshots?[0]["bytes"] as? Int ?? 0 > 0)
            #expect(try connection.ask("EV.SNAPSHOT").text == #"{"snapshots":[]}"#)
            #expect(try connection.ask("EV.REBUILD", "counts") == .ok)
            #expect(try connection.ask("EV.PROJECTION", "counts").text?.contains(#""count":3"#) == true)
            #expect(try connection.error("EV.REBUILD", "nobody")?.hasPrefix("NOTFOUND ") == true)
        }
    }

    @Test("EV.REDUCERS lists each file with its state; EV.RELOAD without a configuration is an error")
    func reducers() async throws {
        try await TestServer.run(reducers: ["counts": Self.counts, "broken": "return {"]) { test in
            let connection = try test.connect(resp3: true)
            let list = try #require(try connection.ask("EV.REDUCERS").elements)
            #expect(list.map { $0[field: "name"]?.text } == ["broken", "counts"])
            #expect(list.map { $0[field: "state"]?.text } == ["error", "ok"])
            #expect(list.map { $0[field: "projection"]?.text } == ["yes", "yes"])
            #expect(list[0][field: "reason"]?.text?.contains("broken.lua:1:") == true)
            #expect(list[1][field: "reason"] == nil)
            #expect(list[1][field: "file"]?.text == test.directory.path + "/reducers/counts.lua")
            let health = try connection.ask("EV.PROJECTIONS").elements?.map { $0[field: "health"]?.text ?? "" }
            #expect(health?.contains { $0.hasPrefix("faulted: ") && $0.contains("broken.lua:1:") } == true)
            #expect(try connection.error("EV.RELOAD")?.hasPrefix("ERR ") == true)
            #expect(try connection.error("EV.RELOAD", "now")?.contains("wrong number of arguments") == true)
        }
    }

    @Test("A faulted projection is shown with its event; its error is the answer to whoever asks for it")
    func faulted() async throws {
        let faulty = #"return { reduce = function(s, e) if e.event_id == 2 then error("no") end return s end }"#
        try await TestServer.run(reducers: ["faulty": faulty]) { test in
            let connection = try test.connect()
            for _ in 0..<3 { _ = try connection.ask(append) }
            #expect(try connection.error("EV.PROJECTION", "faulty")?.contains("at event 2") == true)
            let health = try connection.ask("EV.PROJECTIONS").elements?[0][field: "health"]?.text ?? ""
            #expect(health.hasPrefix("faulted: ") && health.contains("at event 2"))
            #expect(try connection.ask(append) == .integer(4))
        }
    }

    @Test("EV.STATE and EV.FOLD answer with JSON in INTERFACE's shape")
    func states() async throws {
        try await TestServer.run(reducers: ["counts": Self.counts]) { test in
            let connection = try test.connect()
            _ = try connection.ask(append + ["TIMESTAMP", "10"])
            _ = try connection.ask(append + ["TIMESTAMP", "20"])
            #expect(
                try connection.ask("EV.STATE", "a", "REDUCER", "counts", "AT", "15").text
                    == #"{"aggregate_id":"a","reducer":"counts","events_processed":1,"event_id":1,"state":{"count":1}}"#
            )
            #expect(
                try connection.ask("EV.STATE", "a\"\\", "REDUCER", "counts").text
                    == #"{"aggregate_id":"a\"\\","reducer":"counts","events_processed":0,"event_id":null,"state":{}}"#
            )
            #expect(
                try connection.ask("EV.FOLD", "REDUCER", "counts", "SINCE", "15").text
                    == #"{"reducer":"counts","events_processed":1,"event_id":2,"state":{"count":1}}"#
            )
            #expect(
                try connection.ask("EV.FOLD", "LUA", Self.counts).text
                    == #"{"events_processed":2,"event_id":2,"state":{"count":2}}"#
            )
        }
    }

    @Test("EV.INFO tells what evctl status shows")
    func info() async throws {
        try await TestServer.run(reducers: ["counts": Self.counts]) { test in
            let connection = try test.connect()
            for _ in 0..<3 { _ = try connection.ask(append) }
            let text = try connection.ask("EV.INFO").text ?? ""
            let lines = text.split(separator: "\r\n").filter { !$0.hasPrefix("#") }.map {
                $0.split(separator: ":", maxSplits: 1)
            }
            let values = Dictionary(
                uniqueKeysWithValues: lines.map { (String($0[0]), $0.count > 1 ? String($0[1]) : "") }
            )
            for key in [
                "version", "uptime_seconds", "state", "store_uuid", "first_id", "last_id", "segments_sealed",
                "segments_raw", "log_bytes", "record_bytes", "seal_backlog_bytes", "subscriptions", "connections",
                "projections", "projection_lag", "damaged", "redis_version", "loading",
            ] {
                #expect(values[key] != nil, "\(key)")
            }
            #expect(values["state"] == "ok")
            #expect(values["last_id"] == "3")
            #expect(values["connections"] == "1")
            #expect(values["projections"] == "1")
            #expect(values["store_uuid"]?.count == 36)
            #expect(try connection.ask("INFO").text?.contains("last_id:3\r\n") == true)
        }
    }

    private func object(_ reply: RESPValue) throws -> [String: Any] {
        let bytes = try #require(reply.bytes, "\(reply)")
        return try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
    }
}
