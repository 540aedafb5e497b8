// Owns: the promises of a daemon that does not start: it says why, and exits with the documented code.

import EventStoreClient
import Foundation
import Testing

@Suite(.timeLimit(.minutes(20))) struct RefusalTests {
    @Test("A misspelt key: 78, with file, line and key")
    func misspelt() throws {
        let daemon = try DaemonProcess(yaml: "snapshots:\n  evry_events: 7")
        #expect(try daemon.refusal() == 78)
        #expect(daemon.log.contains("evstored.yaml:7: unknown key 'snapshots.evry_events'"), "\(daemon.log)")
    }

    @Test("An unknown format: 65, and nothing is written")
    func unknownFormat() throws {
        let daemon = try DaemonProcess()
        let text = #"{"format":3,"store_uuid":"00000000000000000000000000000000","created":0}"#
        try daemon.directory.write(text, to: "data/store.json")
        #expect(try daemon.refusal() == 65)
        #expect(daemon.log.contains("store.json") && daemon.log.contains("version 3"), "\(daemon.log)")
        #expect(try String(contentsOfFile: daemon.directory.path + "/data/store.json", encoding: .utf8) == text)
    }

    @Test("A second daemon on the same directory: 69, and the first goes on")
    func secondDaemon() async throws {
        let first = try DaemonProcess()
        try first.start()
        let client = try await first.connect()
        let second = try DaemonProcess()
        #expect(try second.refusal(["--data-dir", first.directory.path + "/data", "--socket", second.socket]) == 69)
        #expect(second.log.contains(first.directory.path + "/data"), "\(second.log)")
        #expect(try await client.count() == 0)
        await client.close()
        #expect(first.terminate() == 0)
    }

    @Test("A socket in use by a live daemon: 69; a path too long, or a file in the way: 78")
    func socket() async throws {
        let first = try DaemonProcess()
        try first.start()
        await (try first.connect()).close()
        let second = try DaemonProcess()
        let configuration = ["--config", second.directory.path + "/evstored.yaml", "--socket"]
        #expect(try second.refusal(configuration + [first.socket]) == 69)
        #expect(second.log.contains("in use"), "\(second.log)")
        let long = second.directory.path + "/" + String(repeating: "x", count: 100)
        #expect(try second.refusal(configuration + [long]) == 78)
        #expect(second.log.contains("\(long.utf8.count)"), "\(second.log)")
        try second.directory.write("precious", to: "file")
        #expect(try second.refusal(configuration + [second.directory.path + "/file"]) == 78)
        #expect(second.log.contains("not a socket"), "\(second.log)")
        // Found out before a store is made.
        #expect(!FileManager.default.fileExists(atPath: second.directory.path + "/data"))
        #expect(first.terminate() == 0)
    }

    @Test("Usage: 64")
    func usage() throws {
        let daemon = try DaemonProcess()
        #expect(try daemon.refusal(["--nonsense"]) == 64)
        #expect(try daemon.refusal(["--version"]) == 0)
        #expect(daemon.log.contains("evstored"))
    }

    @Test("A store that is missing and may not be made: 78, and nothing is made")
    func missing() throws {
        let daemon = try DaemonProcess(yaml: "create: false")
        #expect(try daemon.refusal() == 78)
        #expect(daemon.log.contains(daemon.directory.path + "/data"), "\(daemon.log)")
        #expect(!FileManager.default.fileExists(atPath: daemon.directory.path + "/data/store.json"))
    }

    @Test("A projection whose reducer has a mistake: 78, with file and line")
    func brokenReducer() throws {
        let daemon = try DaemonProcess(yaml: "reducers:\n  directory: reducers\nprojections: [broken]")
        try daemon.directory.write("return {\n  reduce = function(s, e\n}", to: "reducers/broken.lua")
        #expect(try daemon.refusal() == 78)
        #expect(daemon.log.contains("broken.lua:"), "\(daemon.log)")
    }
}
