// Owns: the promises of `evctl reducer` and `evctl reload`.

import EventModel
import EventStore
import EventStoreServer
import Foundation
import Testing

@testable import evctl

@Suite(.timeLimit(.minutes(20))) struct ReducerCommandTests {
    private let counts = "return { reduce = function(s, e) return s end }"

    private func run(
        _ arguments: [String],
        reloading report: ReloadReport? = nil,
        _ judge: (ProgramResult, _ folder: String) throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let folder = directory.path + "/reducers"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        for (name, text) in [("counts", counts), ("live", counts), ("broken", "return {")] {
            try Data(text.utf8).write(to: URL(filePath: "\(folder)/\(name).lua"))
        }
        var options = StoreOptions(directory: directory.path + "/data")
        options.reducersDirectory = folder
        options.projections = ["live"]
        let store = try EventStore.open(options)
        var serverOptions = ServerOptions(socketPath: directory.path + "/socket")
        if let report { serverOptions.reload = { _, _ in .success(report) } }
        let server = try await Server.start(store: store, options: serverOptions)
        let result = try await Program.run(arguments, socket: serverOptions.socketPath)
        await server.stop()
        store.close()
        try judge(result, folder)
    }

    @Test("reducer list prints each file, whether it is a reducer and why not, and whether a projection uses it")
    func list() async throws {
        try await run(["reducer", "list"]) { result, folder in
            #expect(result.status == 0 && result.errors == "")
            #expect(result.lines.count == 4)
            #expect(result.lines[0].split(separator: " ") == ["NAME", "PROJECTION", "FILE", "STATE"])
            #expect(
                result.lines[1].contains("broken  no")
                    && result.lines[1].contains("error: reducer broken: broken.lua:1:")
            )
            #expect(result.lines[2].contains("\(folder)/counts.lua") && result.lines[2].hasSuffix("ok"))
            #expect(result.lines[3].contains("live    yes") && result.lines[3].hasSuffix("ok"))
        }
    }

    @Test("reducer list prints JSON, an object a line")
    func json() async throws {
        try await run(["reducer", "list", "-o", "json"]) { result, folder in
            #expect(
                result.lines[1] == #"{"name":"counts","file":"\#(folder)/counts.lua","state":"ok","projection":false}"#
            )
            #expect(result.lines[0].hasPrefix(#"{"name":"broken","file":"\#(folder)/broken.lua","state":"error","#))
            #expect(result.lines[0].contains(#""reason":"reducer broken: broken.lua:1:"#))
        }
    }

    @Test("reload exits with 0 where all was taken up, and names what waits for a restart")
    func reloaded() async throws {
        let report = ReloadReport(reducers: [], projections: ["a", "b"], awaitingRestart: ["socket", "segment.bytes"])
        try await run(["reload"], reloading: report) { result, _ in
            #expect(result.status == 0 && result.errors == "")
            #expect(
                result.output == "reloaded; reducers: none; projections: a, b\n"
                    + "a restart is needed for: socket, segment.bytes\n"
            )
        }
    }

    @Test("reload exits with 1 where a file was passed over, and where nothing was reloaded")
    func notReloaded() async throws {
        let fault = StoreError(.other, "bad.lua:1: no")
        let status = ReducerStatus(name: "bad", file: "/r/bad.lua", fault: fault, isProjection: false)
        let report = ReloadReport(reducers: [status], projections: [], awaitingRestart: [])
        try await run(["reload", "-o", "json"], reloading: report) { result, _ in
            #expect(result.status == 1 && result.errors == "evctl: passed over\n  /r/bad.lua: bad.lua:1: no\n")
            #expect(
                result.output == #"{"reducers":[],"projections":[],"passed_over":"#
                    + #"[{"file":"/r/bad.lua","reason":"bad.lua:1: no"}],"needs_restart":[]}"# + "\n"
            )
        }
        try await run(["reload"]) { result, _ in
            #expect(result.status == 1 && result.output == "" && result.errors.contains("nothing to reload"))
        }
        #expect(try await Program.run(["reload"]).status == 5)
    }
}
