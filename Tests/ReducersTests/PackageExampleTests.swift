// The dpkg example, over this machine's own log, against what dpkg itself says is installed.

import ChildProcesses
import Foundation
import Reducers
import Testing

@Suite("dpkg example", .enabled(if: FileManager.default.fileExists(atPath: "/var/log/dpkg.log"), "needs dpkg's log"))
struct PackageExampleTests {
    private struct Line: Decodable {
        struct Fields: Decodable {
            var state: String?
            var version: String?
        }
        var category: String
        var aggregate_id: String
        var event_type: String
        var data: Fields
        var id: String
    }

    private struct Package: Decodable, Equatable {
        var status: String
        var version: String?
    }

    @Test("The latest state of every package in the log is what dpkg-query says")
    func agreesWithDpkgQuery() throws {
        let lines = try run(example("dpkg-events"), []).split(separator: "\n")
        let events = try lines.map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
        #expect(Set(events.map(\.id)).count == events.count)

        var reducers: [String: Reducer] = [:]
        for (line, event) in zip(lines, events) where event.category == "package" && event.event_type == "status" {
            let reducer = try reducers[event.aggregate_id] ?? load("package", in: "config/examples/dpkg")
            reducers[event.aggregate_id] = reducer
            let fields = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            let data = try JSONSerialization.data(withJSONObject: try #require(fields["data"]))
            try reducer.reduce(
                TestEvent(
                    category: "package",
                    type: "status",
                    aggregate: event.aggregate_id,
                    data: String(decoding: data, as: UTF8.self)
                )
            )
        }
        #expect(!reducers.isEmpty)

        let installed = try dpkgQuery()
        for (name, reducer) in reducers {
            let package = try JSONDecoder().decode(Package.self, from: Data(try reducer.stateJSON()))
            #expect(package == installed[name] ?? Package(status: "not-installed"), "\(name)")
        }
    }

    /// What is installed, by the names of the log: package and architecture, always both.
    private func dpkgQuery() throws -> [String: Package] {
        let format = "${Package}:${Architecture} ${db:Status-Status} ${Version}\n"
        var packages: [String: Package] = [:]
        for line in try run(URL(filePath: "/usr/bin/dpkg-query"), ["-W", "-f", format]).split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            let version = ["installed", "triggers-pending", "triggers-awaited"].contains(words[1]) ? words[2] : nil
            packages[words[0]] = Package(status: words[1], version: version)
        }
        return packages
    }

    private func example(_ file: String) -> URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "config/examples/dpkg/\(file)")
    }

    private func run(_ program: URL, _ arguments: [String]) throws -> String {
        let process = Process()
        let output = Pipe()
        process.executableURL = program
        process.arguments = arguments
        process.standardOutput = output
        try process.start()
        let bytes = try #require(try output.fileHandleForReading.readToEnd())
        #expect(process.waitForEnd() == 0)
        return String(decoding: bytes, as: UTF8.self)
    }
}
