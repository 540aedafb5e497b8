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
            ("data_dir: \"\"\n", "data_dir: expected a path"), ("socket: ''\n", "socket: expected a path"),
            ("reducers:\n  directory: ''\n", "reducers.directory: expected a path"),
            (
                "data_dir: ~\n",
                "data_dir: expected a path; only a shell knows ~ (a folder of that name is ./~), not null"
            ),
            ("socket: null\n", "socket: expected a path"), ("data_dir: \"~\"\n", "data_dir: expected a path"),
            ("data_dir: ~/store\n", "only a shell knows ~"), ("reducers: {directory: ~someone}\n", "only a shell"),
            ("data_dir: \"a\\0b\"\n", "data_dir: expected a path"), ("log_level: ~\n", "log_level: expected one of"),
            ("create: ~\n", "create: expected true or false"), ("threads:\n  readers: ~\n", "readers: expected an"),
            ("socket_mode: ~\n", "socket_mode: expected"),
            ("read_only_socket: ''\n", "read_only_socket: expected none or"),
            ("read_only_socket: ~/x\n", "read_only_socket: expected none or a path"),
            ("access:\n", "access: expected a list of rules"), ("access:\n- everyone: read\n", "each in quotes"),
            ("access: ['']\n", "access: expected a list of rules"), ("access: ['everyone: write']\n", "got 'write'"),
            ("access: ['user no-such-user: read']\n", "access: 'user no-such-user: read': expected the name of a user"),
            ("access: ['everyone: read', 'everyone: append']\n", "access: 'everyone: append': expected one rule"),
            (
                "reducers:\n  allow_source: true\n",
                "evstored.yaml:2: unknown key 'reducers.allow_source'; the role reduce in a rule of access"
            ), ("projections: [~]\n", "projections: expected a list"),
            ("projections: [a, '']\n", "projections: expected a list"), ("projections: [a, a]\n", "each once"),
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

    @Test(
        "A variable that no setting is called by stops nothing: a warning names it, and those that are ours",
        arguments: [
            ["EVSTORED_PORT": "tcp://10.96.0.7:6379"],
            // What an orchestrator sets for a service that is called evstored.
            [
                "EVSTORED_SERVICE_HOST": "10.96.0.7", "EVSTORED_SERVICE_PORT": "6379",
                "EVSTORED_SERVICE_PORT_RESP": "6379", "EVSTORED_PORT_6379_TCP": "tcp://10.96.0.7:6379",
                "EVSTORED_PORT_6379_TCP_PROTO": "tcp", "EVSTORED_PORT_6379_TCP_ADDR": "10.96.0.7",
            ],
            ["EVSTORED_SEGMENT_BITES": "7"], ["EVSTORED_": ""], ["EVSTORED_data_dir": "/x"],
        ]
    )
    func unknownVariable(environment: [String: String]) throws {
        let configuration = try load(environment: environment)
        #expect(configuration.store.directory == "/var/lib/evstored")
        let warning = try #require(configuration.foreignVariableWarning)
        for variable in environment.keys { #expect(warning.contains(variable), "\(warning)") }
        for setting in Setting.all { #expect(warning.contains(setting.variable), "\(warning)") }
        #expect(warning.contains("EVSTORED_CONFIG"))
    }

    @Test("Variables that only look a little like ours are nobody's business")
    func strangers() throws {
        #expect(try load(environment: ["EVSTORE_ELSE": "7", "EVSTORED": "7"]).foreignVariableWarning == nil)
        #expect(try load(environment: ["EVSTORED_DATA_DIR": "/x"]).foreignVariableWarning == nil)
    }

    @Test(
        "An empty path, or one that begins with ~, is refused by the name of its flag or its variable",
        arguments: ["", "~", "~/store"]
    )
    func emptyPaths(path: String) throws {
        func mistake(_ load: () throws -> Configuration) throws -> String {
            try #require(throws: Configuration.Mistake.self, performing: load).description
        }
        #expect(try mistake { try load(dataDirectory: path) }.hasPrefix("--data-dir: expected a path"))
        #expect(try mistake { try load(socket: path) }.hasPrefix("--socket: expected a path"))
        #expect(
            try mistake {
                try Configuration.load(file: path, dataDirectory: nil, socket: nil, environment: [:])
            }.hasPrefix("--config: expected a path")
        )
        for variable in ["EVSTORED_CONFIG", "EVSTORED_DATA_DIR", "EVSTORED_SOCKET", "EVSTORED_REDUCERS_DIRECTORY"] {
            let mistake = try mistake { try load(environment: [variable: path]) }
            #expect(mistake.hasPrefix("environment variable \(variable): expected a path"), "\(mistake)")
            #expect(mistake.hasSuffix("not '\(path)'"), "\(mistake)")
        }
        // Whoever means it says so.
        #expect(try load(dataDirectory: "./~").store.directory.hasSuffix("/./~"))
    }

    @Test("A value that is empty is refused in the environment, too; but a list may be empty")
    func emptyVariables() throws {
        for setting in Setting.all where setting.key != "projections" {
            let mistake = try mistake("", environment: [setting.variable: ""])
            #expect(mistake.contains("\(setting.variable): expected \(setting.expected)"), "\(mistake)")
        }
        #expect(try load("projections: [a]\n", environment: ["EVSTORED_PROJECTIONS": ""]).store.projections == [])
    }

    @Test("A configuration that is a folder is an error, and not an empty file")
    func folder() throws {
        let mistake = #expect(throws: Configuration.Mistake.self) {
            try Configuration.load(file: directory.path, dataDirectory: nil, socket: nil, environment: [:])
        }
        #expect(mistake?.description.contains("\(directory.path): Is a directory") == true)
    }

    @Test("A setting differs where it makes a difference, however it is written")
    func differences() throws {
        func differences(_ first: String, _ second: String) throws -> [String] {
            let (first, second) = (try load(first), try load(second))
            return Setting.all.filter { first.differs(from: second, in: $0) }.map(\.key)
        }
        #expect(try differences("create: true\n", "") == [])
        #expect(try differences("socket_mode: 0660\n", "socket_mode: 660\n") == [])
        #expect(try differences("create: false\nsocket: a\n", "socket: b\n").sorted() == ["create", "socket"])
        #expect(try differences("limits:\n  event_bytes: 65536\n", "limits: {}\n") == ["limits.event_bytes"])
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

    @Test("Rules of access are a list in the file, and stand between semicolons in the environment")
    func access() throws {
        let rules = try AccessRules(["everyone: read", "user 1000: read append(a b)"])
        #expect(try load().server.access == .standard)
        #expect(try load("access: ['everyone: read', 'user 1000: read append(a b)']\n").server.access == rules)
        let variable = ["EVSTORED_ACCESS": " everyone: read ; user 1000: read append(a b)"]
        #expect(try load(environment: variable).server.access == rules)
        #expect(try load("access: []\n").server.access == AccessRules([]))
        let mistake = try mistake("", environment: ["EVSTORED_ACCESS": "everyone: read; user root: read"])
        #expect(mistake.hasPrefix("environment variable EVSTORED_ACCESS: 'user root: read': "), "\(mistake)")
        #expect(try load("read_only_socket: none\n").server.readOnlySocketPath == nil)
        #expect(try load("read_only_socket: r\n").server.readOnlySocketPath == directory.path + "/r")
    }

    @Test("Every setting has a name of its own, in the file and in the environment")
    func names() {
        #expect(Set(Setting.all.map(\.key)).count == Setting.all.count)
        #expect(Set(Setting.all.map(\.variable)).count == Setting.all.count)
    }
}
