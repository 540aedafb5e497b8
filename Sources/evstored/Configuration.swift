// Owns: every setting of the daemon: its name in YAML and in the environment, its type, its range, its default; and the
// order in which they count: flags over environment over file over default.
//
// The table of settings is the whole truth: a key that is not in it is an error that names it, which is why the file is read
// with a YAML parser and not through a library that looks keys up one by one.

import EventModel
import EventStore
import EventStoreServer
import Glibc
import SegmentLog
import Yams

/// What the daemon runs with.
struct Configuration {
    var store: StoreOptions
    var server: ServerOptions
    /// 0 error to 4 debug.
    var logLevel = "info"
    /// The memory that was asked for; nil where it is what there is.
    var memoryAsked: MemoryLimit?
    /// What was given, and by which setting's key.
    private(set) var given: [String: Given] = [:]
    /// Variables of the environment that are spelt as ours are, and that no setting is called by.
    private(set) var foreignVariables: [String] = []

    /// A value as it was written, and the folder from which a path in it begins.
    struct Given: Equatable {
        let value: Setting.Value
        let folder: String
    }

    /// A mistake in the configuration, with the place.
    struct Mistake: Error, CustomStringConvertible {
        let description: String
    }

    static let defaultFile = "/etc/evstored/evstored.yaml"
    static let fileVariable = "EVSTORED_CONFIG"

    private init() {
        store = StoreOptions(directory: "/var/lib/evstored")
        server = ServerOptions(socketPath: "/run/evstored.sock")
    }

    /// Gathers the configuration, and shares out what memory the daemon may have. A file that was named must exist; the default
    /// one need not.
    static func load(
        file: String?,
        dataDirectory: String?,
        socket: String?,
        environment: [String: String],
        memory: MemoryLimit? = .ofProcess()
    ) throws(Mistake) -> Configuration {
        var configuration = Configuration()
        let named: String?
        if let file {
            named = try path(file, of: "--config")
        } else if let file = environment[fileVariable] {
            named = try path(file, of: "environment variable \(fileVariable)")
        } else {
            named = nil
        }
        if let text = try read(named ?? defaultFile, mustExist: named != nil) {
            try configuration.apply(yaml: text, path: named ?? defaultFile)
        }
        try configuration.apply(environment: environment)
        if let dataDirectory { configuration.store.directory = try path(dataDirectory, of: "--data-dir") }
        if let socket { configuration.server.socketPath = try path(socket, of: "--socket") }
        configuration.shareMemory(under: memory)
        return configuration
    }

    /// Whether the daemon would run otherwise with what `other` gives for a setting: in its own words, since two ways to
    /// write the same value are one.
    func differs(from other: Configuration, in setting: Setting) -> Bool {
        guard given[setting.key] != other.given[setting.key] else { return false }
        let effects = [self, other].map { configuration in
            var alone = Configuration()
            if let given = configuration.given[setting.key] {
                // It was taken once already.
                try? setting.set(&alone, given.value, setting.key, given.folder)
            }
            return "\(alone.store) \(alone.server) \(alone.logLevel)"
        }
        return effects[0] != effects[1]
    }

    private mutating func set(
        _ setting: Setting,
        _ value: Setting.Value,
        _ place: String,
        _ folder: String
    ) throws(Mistake) {
        try setting.set(&self, value, place, folder)
        given[setting.key] = Given(value: value, folder: folder)
    }

    private mutating func apply(environment: [String: String]) throws(Mistake) {
        // In order, so that of several mistakes it is always the same that is named.
        for (variable, value) in environment.sorted(by: { $0.key < $1.key })
        where variable.hasPrefix("EVSTORED_") && variable != Self.fileVariable {
            // Not a mistake of whoever wrote the configuration: an orchestrator sets variables after the names of its services,
            // and one of these may be called evstored.
            guard let setting = Setting.all.first(where: { $0.variable == variable }) else {
                foreignVariables.append(variable)
                continue
            }
            try set(setting, .text(value), "environment variable \(variable)", Self.currentDirectory)
        }
    }

    private mutating func apply(yaml text: String, path: String) throws(Mistake) {
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw Mistake(description: "\(path): not valid YAML: \(error)")
        }
        guard let root, root.null == nil else { return }
        let folder = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
        try apply(root, prefix: "", path: path, folder: folder)
    }

    private mutating func apply(_ node: Node, prefix: String, path: String, folder: String) throws(Mistake) {
        guard let mapping = node.mapping else {
            let line = node.mark.map { ":\($0.line)" } ?? ""
            let what = prefix.isEmpty ? "the file" : String(prefix.dropLast())
            throw Mistake(description: "\(path)\(line): \(what) must be a mapping of keys")
        }
        for (key, value) in mapping {
            let name = prefix + (key.string ?? "?")
            let line = key.mark.map { ":\($0.line)" } ?? ""
            if let setting = Setting.all.first(where: { $0.key == name }) {
                try set(setting, Setting.Value(value), "\(path)\(line): \(name)", folder)
            } else if Setting.all.contains(where: { $0.key.hasPrefix(name + ".") }) {
                if value.null == nil { try apply(value, prefix: name + ".", path: path, folder: folder) }
            } else {
                let instead = Setting.replaced[name].map { "; \($0)" } ?? ""
                throw Mistake(description: "\(path)\(line): unknown key '\(name)'\(instead)")
            }
        }
    }

    /// For the log, where the environment has variables that look like ours; nil where it has none.
    var foreignVariableWarning: String? {
        guard !foreignVariables.isEmpty else { return nil }
        let ours = [Self.fileVariable] + Setting.all.map(\.variable)
        return
            "no setting is called by \(foreignVariables.joined(separator: ", ")) in the environment, which counts for "
            + "nothing; the variables of evstored are \(ours.joined(separator: ", "))"
    }

    private static func read(_ path: String, mustExist: Bool) throws(Mistake) -> String? {
        guard let file = fopen(path, "r") else {
            if errno == ENOENT, !mustExist { return nil }
            throw Mistake(description: "cannot read the configuration \(path): \(String(cString: strerror(errno)))")
        }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        // A folder can be opened, and fails here.
        guard ferror(file) == 0 else {
            throw Mistake(description: "cannot read the configuration \(path): \(String(cString: strerror(errno)))")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Mistake(description: "\(path) is not valid UTF-8")
        }
        return text
    }

    static var currentDirectory: String {
        guard let path = getcwd(nil, 0) else { return "/" }
        defer { free(path) }
        // Where its name is not UTF-8 it is still here.
        return String(validatingCString: path) ?? "."
    }

    private static func path(_ text: String, of place: String) throws(Mistake) -> String {
        guard let path = absolute(text, in: currentDirectory) else {
            throw Mistake(description: "\(place): expected \(expectedPath), not '\(text)'")
        }
        return path
    }

    static let expectedPath = "a path; only a shell knows ~ (a folder of that name is ./~)"

    /// Nil for what is no path, or would be a surprising one: an empty one would be the folder that it begins from, and one
    /// that begins with ~ a folder of that name.
    static func absolute(_ path: String, in folder: String) -> String? {
        guard !path.isEmpty, !path.hasPrefix("~"), !path.utf8.contains(0) else { return nil }
        var absolute = path.hasPrefix("/") ? path : "\(folder)/\(path)"
        // A slash at its end would make a path its own parent.
        while absolute.utf8.count > 1, absolute.hasSuffix("/") { absolute.removeLast() }
        return absolute
    }
}
