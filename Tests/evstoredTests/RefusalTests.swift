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

    @Test(
        "An argument that is not UTF-8: 64; a variable of its own: 78; each named, and nothing made",
        arguments: [
            (#""$0" --data-dir "$1/$(printf 'caf\351')""#, 64, "argument 2 is not UTF-8", #"caf\xE9”"#),
            (#""$0" --socket="$1/$(printf '\377')""#, 64, "argument 1 is not UTF-8", #"\xFF”"#),
            (#"EVSTORED_DATA_DIR=$1/$(printf '\300\257') "$0""#, 78, "EVSTORED_DATA_DIR is not UTF-8", #"\xC0\xAF”"#),
            (#"NOTIFY_SOCKET=$1/$(printf '\377') "$0""#, 78, "NOTIFY_SOCKET is not UTF-8", #"\xFF”"#),
            (#"env "$(printf 'EVSTORED_\377=1')" "$0""#, 78, "environment variable EVSTORED_", "“1”"),
        ]
    )
    func notUTF8(script: String, status: Int32, what: String, bytes: String) throws {
        let daemon = try DaemonProcess()
        let made = try FileManager.default.contentsOfDirectory(atPath: daemon.directory.path).count
        #expect(try daemon.refusal(script: script) == status)
        #expect(daemon.log.contains(what) && daemon.log.contains(bytes), "\(daemon.log)")
        // The log of the test itself is new.
        #expect(try FileManager.default.contentsOfDirectory(atPath: daemon.directory.path).count == made + 1)
    }

    @Test("A store that is missing and may not be made: 78, and nothing is made")
    func missing() throws {
        let daemon = try DaemonProcess(yaml: "create: false")
        #expect(try daemon.refusal() == 78)
        #expect(daemon.log.contains(daemon.directory.path + "/data"), "\(daemon.log)")
        #expect(!FileManager.default.fileExists(atPath: daemon.directory.path + "/data/store.json"))
    }

    @Test("--data-dir \"\": 78, and no store in the working directory")
    func emptyDataDirectory() throws {
        let daemon = try DaemonProcess()
        let before = try FileManager.default.contentsOfDirectory(atPath: FileManager.default.currentDirectoryPath)
        let configuration = ["--config", daemon.directory.path + "/evstored.yaml"]
        #expect(try daemon.refusal(configuration + ["--data-dir", ""]) == 78)
        #expect(daemon.log.contains("--data-dir: expected a path"), "\(daemon.log)")
        #expect(try daemon.refusal(configuration, environment: ["EVSTORED_DATA_DIR": ""]) == 78)
        #expect(daemon.log.contains("EVSTORED_DATA_DIR: expected a path"), "\(daemon.log)")
        #expect(try daemon.refusal(configuration + ["--socket", ""]) == 78)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: FileManager.default.currentDirectoryPath) == before
        )
    }

    @Test("--check-config: 0 for a good configuration, 78 for a mistake in it, and neither store nor socket is touched")
    func check() throws {
        let daemon = try DaemonProcess(yaml: "reducers:\n  directory: reducers\nprojections: [broken]")
        let arguments = ["--config", daemon.directory.path + "/evstored.yaml", "--check-config"]
        let counts = "return { reduce = function(s, e) return s end }"
        try daemon.directory.write("return {\n  reduce = function(s, e\n}", to: "reducers/broken.lua")
        #expect(try daemon.refusal(arguments) == 78)
        #expect(daemon.log.contains("error: projections: ") && daemon.log.contains("broken.lua:3:"), "\(daemon.log)")
        try daemon.directory.write(counts, to: "reducers/broken.lua")
        try daemon.directory.write("return 7", to: "reducers/unused.lua")
        #expect(try daemon.refusal(arguments, environment: ["EVSTORED_PORT": "tcp://10.96.0.7:6379"]) == 0)
        #expect(daemon.log.contains("warning: the reducer file") && daemon.log.contains("unused.lua"), "\(daemon.log)")
        #expect(daemon.log.contains("EVSTORED_PORT") && daemon.log.contains("the configuration is good"))
        #expect(try daemon.refusal(arguments, environment: ["EVSTORED_THREADS_READERS": "0"]) == 78)
        #expect(try daemon.refusal(arguments, environment: ["EVSTORED_REDUCERS_DIRECTORY": "/nowhere"]) == 78)
        #expect(!FileManager.default.fileExists(atPath: daemon.directory.path + "/data"))
        #expect(!FileManager.default.fileExists(atPath: daemon.socket))
    }
}
