// Owns: every setting of the daemon: its name in YAML and in the environment, its type, its range, its default; and the
// order in which they count: flags over environment over file over default.
//
// The table below is the whole truth: a key that is not in it is an error that names it, which is why the file is read
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

    /// A mistake in the configuration, with the place.
    struct Mistake: Error, CustomStringConvertible {
        let description: String
    }

    static let defaultFile = "/etc/evstored/evstored.yaml"

    /// Gathers the configuration. A file that was named must exist; the default one need not.
    static func load(
        file: String?,
        dataDirectory: String?,
        socket: String?,
        environment: [String: String]
    ) throws(Mistake) -> Configuration {
        var configuration = Configuration(
            store: StoreOptions(directory: "/var/lib/evstored"),
            server: ServerOptions(socketPath: "/run/evstored.sock")
        )
        let path = file ?? environment["EVSTORED_CONFIG"]
        if let text = try read(path ?? defaultFile, mustExist: path != nil) {
            let absolute = absolute(path ?? defaultFile, in: currentDirectory)
            try configuration.apply(yaml: text, path: absolute)
        }
        try configuration.apply(environment: environment)
        if let dataDirectory { configuration.store.directory = absolute(dataDirectory, in: currentDirectory) }
        if let socket { configuration.server.socketPath = absolute(socket, in: currentDirectory) }
        return configuration
    }

    private mutating func apply(environment: [String: String]) throws(Mistake) {
        // In order, so that of several mistakes it is always the same that is named.
        for (variable, value) in environment.sorted(by: { $0.key < $1.key })
        where variable.hasPrefix("EVSTORED_") && variable != "EVSTORED_CONFIG" {
            guard let setting = Setting.all.first(where: { $0.variable == variable }) else {
                throw Mistake(description: "unknown environment variable \(variable): no setting is called so")
            }
            try setting.set(&self, .text(value), "environment variable \(variable)", Self.currentDirectory)
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
                try setting.set(&self, Setting.Value(value), "\(path)\(line): \(name)", folder)
            } else if Setting.all.contains(where: { $0.key.hasPrefix(name + ".") }) {
                if value.null == nil { try apply(value, prefix: name + ".", path: path, folder: folder) }
            } else {
                throw Mistake(description: "\(path)\(line): unknown key '\(name)'")
            }
        }
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
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Mistake(description: "\(path) is not valid UTF-8")
        }
        return text
    }

    static var currentDirectory: String {
        guard let path = getcwd(nil, 0) else { return "/" }
        defer { free(path) }
        return String(cString: path)
    }

    static func absolute(_ path: String, in folder: String) -> String {
        var absolute = path.hasPrefix("/") ? path : "\(folder)/\(path)"
        // A slash at its end would make a path its own parent.
        while absolute.utf8.count > 1, absolute.hasSuffix("/") { absolute.removeLast() }
        return absolute
    }
}
