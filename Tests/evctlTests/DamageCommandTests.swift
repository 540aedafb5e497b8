import CraftedRecords
import EventModel
import EventStore
import EventStoreClient
import EventStoreServer
import Foundation
import SegmentLog
import Testing

@testable import evctl

@Suite("Commands over damage", .timeLimit(.minutes(20)))
struct DamageCommandTests {
    private static let count = "return { reduce = function(s, e) s.count = (s.count or 0) + 1 return s end }"
    private static let lost = "log/00000000000000000011.segment"

    private func options(_ directory: TemporaryDirectory) -> StoreOptions {
        var options = StoreOptions(directory: directory.path + "/data")
        options.log.segmentBytes = 1 << 20
        options.log.spareFiles = 0
        options.reducersDirectory = directory.path + "/reducers"
        options.projections = ["count"]
        return options
    }

    /// A store of events 1 to 30 in three sealed segments, closed.
    private func fill(_ directory: TemporaryDirectory) async throws {
        try FileManager.default.createDirectory(atPath: directory.path + "/reducers", withIntermediateDirectories: true)
        try Self.count.write(toFile: directory.path + "/reducers/count.lua", atomically: true, encoding: .utf8)
        try await serve(directory) { store, client in
            for part in 0..<3 {
                for result in try await client.appendPipelined(
                    (0..<10).map { _ in NewEvent(category: "c", aggregateID: "a-\(part)", eventType: "t") }
                ) { _ = try result.get() }
                _ = try await client.roll()
                while store.info.log.sealedSegments <= part { try await Task.sleep(for: .milliseconds(2)) }
            }
        }
        try? FileManager.default.removeItem(atPath: directory.path + "/data/snapshots")
    }

    private func serve(
        _ directory: TemporaryDirectory,
        _ body: (EventStore, EventStoreClient) async throws -> Void
    ) async throws {
        let store = try EventStore.open(options(directory))
        let server = try await Server.start(
            store: store,
            options: ServerOptions(socketPath: directory.path + "/socket")
        )
        let client = try await EventStoreClient.connect(.patient(directory.path + "/socket"))
        var failure: (any Error)?
        do { try await body(store, client) } catch { failure = error }
        await client.close()
        await server.stop()
        store.close()
        if let failure { throw failure }
    }

    /// Runs `body` with a way to run evctl against a daemon whose events 11 to 20 are gone, or those of another file.
    private func withDamage(
        lost: String = Self.lost,
        _ body: (_ evctl: (String...) async throws -> ProgramResult, TemporaryDirectory) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        try await fill(directory)
        try FileManager.default.removeItem(atPath: directory.path + "/data/" + lost)
        try await serve(directory) { _, _ in
            try await body({ try await Program.run($0, socket: directory.path + "/socket") }, directory)
        }
    }

    @Test("over an event of a later version, read prints what lies before it, says so, and exits with 1")
    func later() async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        try await fill(directory)
        let options = options(directory)
        try CraftedRecords.append([CraftedRecords.later[0]], to: options.directory, options: options.log)
        try await serve(directory) { _, client in
            _ = try await client.append(NewEvent(category: "c", aggregateID: "a-2", eventType: "t"))
            func evctl(_ arguments: String...) async throws -> ProgramResult {
                try await Program.run(arguments, socket: directory.path + "/socket")
            }
            let sentence = "evctl: LATER 31 31 event 31 was written by a later version of evstore"
            let all = try await evctl("read", "-o", "json")
            #expect(all.status == 1 && all.ids == Array(1...30) && all.errors.contains(sentence))
            let behind = try await evctl("read", "-o", "json", "--after", "31")
            #expect(behind.status == 0 && behind.ids == [32] && behind.errors.isEmpty)
            let last = try await evctl("read", "-o", "json", "-n", "5")
            #expect(last.status == 1 && last.ids == [32] && last.errors.contains(sentence))
            let one = try await evctl("get", "31")
            #expect(one.status == 1 && one.errors.contains(sentence))
            let rest = try await evctl("read", "-o", "json", "--skip-damage")
            #expect(rest.status == 0 && rest.ids == Array(1...30) + [32])
        }
    }

    @Test("read prints what lies before the damage, names it on standard error, and exits with 6")
    func read() async throws {
        try await withDamage { evctl, _ in
            let all = try await evctl("read", "-o", "json")
            #expect(all.status == 6 && all.ids == Array(1...10) && all.errors.contains("CORRUPT 11 20 "))
            let behind = try await evctl("read", "-o", "json", "--after", "20")
            #expect(behind.status == 0 && behind.ids == Array(21...30) && behind.errors.isEmpty)
            let last = try await evctl("read", "-o", "json", "-n", "10")
            #expect(last.status == 0 && last.ids == Array(21...30))
            // What lies behind the damage is printed, and that more was asked for is said.
            let more = try await evctl("read", "-o", "json", "-n", "15")
            #expect(more.status == 6 && more.ids == Array(21...30) && more.errors.contains("CORRUPT 11 20 "))
            let reverse = try await evctl("read", "-o", "json", "-r")
            #expect(reverse.status == 6 && reverse.ids == Array(21...30).reversed())
        }
    }

    @Test("a listing comes to an end though the newest events are the damaged ones")
    func newest() async throws {
        try await withDamage(lost: "log/00000000000000000021.segment") { evctl, _ in
            let all = try await evctl("read", "-o", "json")
            #expect(all.status == 6 && all.ids == Array(1...20) && all.errors.contains("CORRUPT 21 30 "))
            #expect(try await evctl("read", "-o", "json", "--before", "21").status == 0)
            let skipping = try await evctl("export", "-q", "--skip-damage")
            #expect(skipping.status == 0 && skipping.ids == Array(1...20))
        }
    }

    @Test("with --skip-damage everything that can be read is printed, and what was left out is named once")
    func skip() async throws {
        let readable = Array(1...10) + Array(21...30)
        let note = "evctl: events 11 to 20 are damaged and left out\n"
        try await withDamage { evctl, directory in
            let all = try await evctl("read", "-o", "json", "--skip-damage")
            #expect(all.status == 0 && all.ids == readable && all.errors == note)
            let part = try await evctl("read", "-o", "json", "--skip-damage", "--before", "16")
            #expect(part.ids == Array(1...10) && part.errors == "evctl: events 11 to 15 are damaged and left out\n")
            #expect(try await evctl("read", "-o", "json", "--skip-damage", "--after", "20").errors == "")
            #expect(try await evctl("read", "-q", "-o", "json", "--skip-damage").errors == "")
            let last = try await evctl("read", "-o", "json", "--skip-damage", "-n", "15")
            #expect(last.status == 0 && last.ids == Array(readable.suffix(15)))
            let count = try await evctl("count", "--skip-damage")
            #expect(count.status == 0 && count.output == "20\n" && count.errors == note)
            #expect(try await evctl("count", "--aggregate", "a-1").status == 6)
            let fold = try await evctl("fold", "--reducer", "count", "--skip-damage")
            #expect(fold.status == 0 && fold.output.hasSuffix(#""lacking":[[11,20]]}"# + "\n") && fold.errors == note)
            #expect(try await evctl("fold", "--reducer", "count").status == 6)
            let state = try await evctl("state", "a-2", "--reducer", "count", "--skip-damage")
            #expect(state.status == 0 && state.output.contains(#""state":{"count":10},"lacking":[[11,20]]"#))
            #expect(state.errors == note)
            #expect(try await evctl("state", "a-2", "--reducer", "count").status == 6)
        }
    }

    @Test("export stops at damage with 6, or goes on behind it, and what it printed can be imported")
    func export() async throws {
        try await withDamage { evctl, directory in
            let strict = try await evctl("export", "-q")
            #expect(strict.status == 6 && strict.ids == Array(1...10) && strict.errors.contains("CORRUPT 11 20 "))
            let whole = try await evctl("export", "--skip-damage")
            #expect(whole.status == 0 && whole.ids == Array(1...10) + Array(21...30))
            #expect(whole.errors.contains("events 11 to 20 are damaged and left out"))
            let file = directory.path + "/export"
            try whole.output.write(toFile: file, atomically: true, encoding: .utf8)
            #expect(try await evctl("import", file).status == 0)
            #expect(try await evctl("read", "-o", "json", "--after", "30").ids == Array(31...50))
        }
    }

    @Test("subscribe and read -f end at damage with 6, or pass over it and go on until interrupted")
    func follow() async throws {
        try await withDamage { evctl, directory in
            let socket = directory.path + "/socket"
            let strict = try await evctl("subscribe", "-o", "json")
            #expect(strict.status == 6 && strict.ids == Array(1...10) && strict.errors.contains("CORRUPT 11 20 "))
            let readable = Array(1...10) + Array(21...30)
            let skipping = try await Program.run(
                ["subscribe", "-o", "json", "--skip-damage"],
                socket: socket,
                stopAfterLines: 20
            )
            #expect(skipping.status == 130 && skipping.ids == readable)
            #expect(skipping.errors.contains("events 11 to 20 are damaged and left out"))
            let behind = try await Program.run(
                ["subscribe", "-o", "json", "--from", "21"],
                socket: socket,
                stopAfterLines: 10
            )
            #expect(behind.status == 130 && behind.ids == Array(21...30))
            let followed = try await Program.run(
                ["read", "-f", "-n", "15", "-o", "json", "--skip-damage"],
                socket: socket,
                stopAfterLines: 15
            )
            #expect(followed.status == 130 && followed.ids == Array(readable.suffix(15)))
            #expect(try await evctl("read", "-f", "-n", "15", "-o", "json").status == 6)
        }
    }

    @Test("projection list and show say what a projection lacks")
    func projections() async throws {
        try await withDamage { evctl, _ in
            let show = try await evctl("projection", "show", "count")
            #expect(show.status == 0 && show.output.hasSuffix(#""lacking":[[11,20]]}"# + "\n"))
            #expect(try await evctl("projection", "list").output.contains("live, lacks 11-20"))
            let json = try await evctl("projection", "list", "-o", "json").output
            #expect(json.hasSuffix(#""health":"live","events_processed":20,"lacking":[[11,20]]}"# + "\n"))
        }
    }

    @Test("verify finds damage live and offline, exits with 6, and says what is in which file")
    func verify() async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        try await fill(directory)
        let data = directory.path + "/data"
        func offline(_ arguments: String...) async throws -> ProgramResult {
            try await Program.run(["verify", "--data-dir", data] + arguments)
        }
        let clean = try await offline("-o", "json")
        #expect(clean.status == 0 && clean.output.contains(#""damaged":[],"problems":[],"#))
        try await serve(directory) { _, _ in
            let live = try await Program.run(["verify"], socket: directory.path + "/socket")
            #expect(live.status == 0 && live.output.hasPrefix("30 events in "))
            let refused = try await offline()
            #expect(refused.status == 1 && refused.errors.contains("another daemon uses this data directory"))
        }
        try? FileManager.default.removeItem(atPath: data + "/snapshots")
        let path = data + "/" + Self.lost
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[252] ^= 4
        try bytes.write(to: URL(fileURLWithPath: path))
        let found = try await offline("-o", "json")
        #expect(found.status == 6 && found.output.contains(#""damaged":[{"first":11,"last":20}],"#))
        #expect(found.output.contains(#""files":[{"file":"\#(Self.lost)","damaged":[{"first":11,"last":20}]"#))
        #expect(found.errors.contains("events 11 to 20 are damaged"))
        try await serve(directory) { _, _ in
            let live = try await Program.run(["verify", "-o", "json"], socket: directory.path + "/socket")
            #expect(live.status == 6 && live.output.contains(#""file":"\#(Self.lost)""#))
        }
        #expect(try await Program.run(["verify", "--data-dir", directory.path + "/nothing"]).status == 3)
    }

    @Test("repair saves what can be read, says what is lost, and exits with 6 where something is")
    func repair() async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        try await fill(directory)
        func repair(_ into: String, _ arguments: String...) async throws -> ProgramResult {
            try await Program.run(
                ["repair", "--data-dir", directory.path + "/data", "--into", directory.path + "/" + into] + arguments
            )
        }
        let whole = try await repair("whole")
        #expect(
            whole.status == 0 && whole.output == "30 events saved in \(directory.path)/whole\n" && whole.errors == ""
        )
        try FileManager.default.removeItem(atPath: directory.path + "/data/" + Self.lost)
        let part = try await repair("part", "-o", "json")
        #expect(part.status == 6 && part.errors == "evctl: events are lost\n  events 11 to 20\n")
        #expect(
            part.output.hasSuffix(#""events":20,"lost":[{"first":11,"last":20}],"lost_ids":10,"torn_bytes":0}"# + "\n")
        )
        #expect(try await Program.run(["verify", "--data-dir", directory.path + "/part"]).status == 0)
        #expect(try String(contentsOfFile: directory.path + "/part/repair.json", encoding: .utf8) == part.output)

        let again = try await repair("part")
        #expect(again.status == 1 && again.output == "" && again.errors.contains("not empty"))
        #expect(try await repair("data/inside").status == 2)
        #expect(try await repair("data").status == 2)
        #expect(try await repair("no/such/place").status == 3)
        #expect(!FileManager.default.fileExists(atPath: directory.path + "/data/inside"))
    }

    @Test(
        "repair gives the new store the owner and the modes of the old one",
        .enabled(if: geteuid() == 0, "only root may give files away"),
        arguments: [mode_t(0o700), 0o750]
    )
    func ownership(mode: mode_t) async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        try await fill(directory)
        let (old, new) = (directory.path + "/data", directory.path + "/new")
        try #require(chown(old, 12_345, 23_456) == 0 && chmod(old, mode) == 0)
        try #require(chmod(old + "/store.json", mode & 0o640) == 0)
        let result = try await Program.run(["repair", "--data-dir", old, "--into", new])
        #expect(result.status == 0 && result.errors == "")
        let names = try FileManager.default.subpathsOfDirectory(atPath: new)
        #expect(names.contains { $0.hasPrefix("log/") } && names.contains("store.json"))
        for name in names + ["."] {
            var status = stat()
            try #require(lstat(new + "/" + name, &status) == 0)
            #expect(status.st_uid == 12_345 && status.st_gid == 23_456, "\(name)")
            let isFolder = status.st_mode & S_IFMT == S_IFDIR
            #expect(status.st_mode & 0o777 == (isFolder ? mode : mode & 0o640), "\(name)")
        }
        // Whoever may not give it away is told what is left to do.
        let problem = try #require(Ownership(of: old)?.give(to: directory.path + "/nowhere"))
        #expect(problem.hasSuffix("chown -R 12345:23456 \(directory.path)/nowhere"))
    }

    @Test("a filter's bounds decide what of the damage is told")
    func bounds() {
        let damage = [EventID(5)...EventID(9), EventID(20)...EventID(20)]
        func told(_ filter: Filter) -> [ClosedRange<EventID>] { SkippedDamage.within(filter, damage) }
        #expect(told(.all) == damage)
        #expect(told(Filter(after: EventID(7))) == [EventID(8)...EventID(9), damage[1]])
        #expect(told(Filter(before: EventID(7))) == [EventID(5)...EventID(6)])
        #expect(told(Filter(after: EventID(9), asOf: .id(EventID(19)))) == [])
        #expect(told(Filter(before: .zero)) == [] && told(Filter(after: EventID(.max))) == [])
    }
}
