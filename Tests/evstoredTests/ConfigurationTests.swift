// Owns: the promises of the configuration: what counts over what, and that a mistake is named with its place.

import EventStore
import EventStoreServer
import EventWire
import Foundation
import SegmentLog
import Testing

@testable import evstored

@Suite struct ConfigurationTests {
    private let directory = TemporaryDirectory()

    private func load(
        _ yaml: String? = nil,
        dataDirectory: String? = nil,
        socket: String? = nil,
        environment: [String: String] = [:]
    ) throws -> Configuration {
        var environment = environment
        environment["EVSTORED_CONFIG"] = environment["EVSTORED_CONFIG"] ?? directory.path + "/evstored.yaml"
        try directory.write(yaml ?? "", to: "evstored.yaml")
        return try Configuration.load(
            file: nil,
            dataDirectory: dataDirectory,
            socket: socket,
            environment: environment
        )
    }

    private func mistake(_ yaml: String, environment: [String: String] = [:]) throws -> String {
        try #require(throws: Configuration.Mistake.self) { try load(yaml, environment: environment) }.description
    }

    @Test(
        "Without a file, flags or environment the defaults are INTERFACE's",
        arguments: ["", "# nothing\n", "reducers:\n"]
    )
    func defaults(yaml: String) throws {
        let configuration = try load(yaml)
        #expect(configuration.store.directory == "/var/lib/evstored")
        #expect(configuration.server.socketPath == "/run/evstored.sock")
        #expect(configuration.store.limits.eventBytes == 1 << 20)
        #expect(configuration.server.limits.commandBytes == 16 << 20)
        #expect(configuration.server.limits.arguments == 16_384)
        #expect(configuration.store.log.create)
        #expect(configuration.store.projections == [])
    }

    @Test("Flags count over the environment, the environment over the file, the file over the default")
    func precedence() throws {
        let yaml = "data_dir: /file\nsocket: /file.sock\nsegment:\n  bytes: 2097152\n"
        #expect(try load(yaml).store.directory == "/file")
        #expect(try load(yaml).store.log.segmentBytes == 2_097_152)
        let environment = ["EVSTORED_DATA_DIR": "/environment", "EVSTORED_SEGMENT_BYTES": "4194304"]
        #expect(try load(yaml, environment: environment).store.directory == "/environment")
        #expect(try load(yaml, environment: environment).store.log.segmentBytes == 4_194_304)
        #expect(try load(yaml, environment: environment).server.socketPath == "/file.sock")
        let flags = try load(yaml, dataDirectory: "/flag", socket: "/flag.sock", environment: environment)
        #expect(flags.store.directory == "/flag")
        #expect(flags.server.socketPath == "/flag.sock")
    }

    @Test("Paths in the file are relative to its folder")
    func relativePaths() throws {
        let configuration = try load("data_dir: data\nsocket: run/s\nreducers:\n  directory: reducers\n")
        #expect(configuration.store.directory == directory.path + "/data")
        #expect(configuration.server.socketPath == directory.path + "/run/s")
        #expect(configuration.store.reducersDirectory == directory.path + "/reducers")
        let elsewhere = try load("data_dir: data\n", dataDirectory: "flag")
        #expect(elsewhere.store.directory == Configuration.currentDirectory + "/flag")
    }

    @Test("An unknown key is named with file, line and key")
    func unknownKey() throws {
        let mistake = try mistake("data_dir: /x\nsegment:\n  bytes: 1048576\n  bites: 7\n")
        #expect(mistake.hasPrefix(directory.path + "/evstored.yaml:4: "), "\(mistake)")
        #expect(mistake.contains("'segment.bites'"))
        #expect(try self.mistake("sokcet: /x\n").contains("evstored.yaml:1: unknown key 'sokcet'"))
    }

    @Test(
        "A value of the wrong type or out of range is named with its place, and what was expected",
        arguments: [
            ("segment:\n  bytes: many\n", "evstored.yaml:2: segment.bytes: expected an integer from 1048576"),
            ("segment:\n  bytes: 100\n", "segment.bytes: expected an integer"),
            ("segment:\n  bytes: [1]\n", "segment.bytes: expected an integer"),
            ("segment: 7\n", "segment must be a mapping"), ("create: perhaps\n", "create: expected true or false"),
            ("data_dir: {a: b}\n", "data_dir: expected a path"), ("data_dir:\n", "data_dir: expected a path"),
            ("log_level: loud\n", "log_level: expected one of error, warning, info, debug"),
            ("projections: {a: b}\n", "projections: expected a list"), ("socket_mode: 999\n", "socket_mode: expected"),
            ("- a\n", "must be a mapping"), ("a: [\n", "not valid YAML"), ("socket: a\nsocket: b\n", "socket"),
        ]
    )
    func wrongValues(yaml: String, expected: String) throws {
        let mistake = try mistake(yaml)
        #expect(mistake.contains(expected), "\(mistake)")
        #expect(mistake.contains(directory.path + "/evstored.yaml"), "\(mistake)")
    }

    @Test("A mistake in the environment is named by its variable")
    func wrongEnvironment() throws {
        let mistake = try mistake("", environment: ["EVSTORED_SEGMENT_BYTES": "x"])
        #expect(mistake.contains("EVSTORED_SEGMENT_BYTES") && mistake.contains("expected an integer"))
    }

    @Test("A variable that no setting is called by is an error that names it, as a key in the file is")
    func unknownVariable() throws {
        let mistake = try mistake("", environment: ["EVSTORED_SEGMENT_BITES": "7"])
        #expect(mistake.contains("EVSTORED_SEGMENT_BITES"), "\(mistake)")
        #expect(try load(environment: ["EVSTORE_ELSE": "7", "EVSTORED": "7"]).store.directory == "/var/lib/evstored")
    }

    @Test("A file that was named must exist; a list may be one of names in the environment")
    func files() throws {
        let missing = #expect(throws: Configuration.Mistake.self) {
            try Configuration.load(file: "/nowhere/x.yaml", dataDirectory: nil, socket: nil, environment: [:])
        }
        #expect(missing?.description.contains("/nowhere/x.yaml") == true)
        #expect(try load(environment: ["EVSTORED_PROJECTIONS": "a, b,c"]).store.projections == ["a", "b", "c"])
        #expect(try load("projections: [a, b]\n").store.projections == ["a", "b"])
        #expect(try load("projections:\n").store.projections == [])
    }

    @Test("Every setting has a name of its own, in the file and in the environment")
    func names() {
        #expect(Set(Setting.all.map(\.key)).count == Setting.all.count)
        #expect(Set(Setting.all.map(\.variable)).count == Setting.all.count)
    }
}
