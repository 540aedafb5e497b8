import EventStore
import Foundation
import Testing

@testable import evstored

@Suite("The sample configuration")
struct SampleConfigurationTests {
    private let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "config/evstored.yaml").path

    @Test("names every setting once, and nothing else")
    func everySetting() throws {
        var section = ""
        var keys: [String] = []
        // A setting is "key:" or "#key:"; what has a blank after the # is prose.
        for line in try text().split(separator: "\n") {
            guard let match = line.wholeMatch(of: /( *)#?([a-z_]+):(.*)/) else { continue }
            if match.1.isEmpty { section = String(match.2) }
            let key = match.1.isEmpty ? section : "\(section).\(match.2)"
            if !match.3.isEmpty || Setting.all.contains(where: { $0.key == key }) { keys.append(key) }
        }
        #expect(keys.sorted() == Setting.all.map(\.key).sorted())
    }

    @Test("gives the default of every setting that it leaves out")
    func defaults() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "evstore-sample-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        let spelled = folder.appending(path: "evstored.yaml")
        try text().replacing(/(?m)^( *)#([a-z])/) { $0.1 + $0.2 }.write(to: spelled, atomically: true, encoding: .utf8)

        #expect(try described(path) == described(spelled.path))
        #expect(try text() != String(contentsOf: spelled, encoding: .utf8))
    }

    private func text() throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    /// Everything that is set, in words; but for the reducers' folder, which stands beside the file.
    private func described(_ path: String) throws -> String {
        // On a machine that is large enough.
        var configuration = try Configuration.load(
            file: path,
            dataDirectory: nil,
            socket: nil,
            environment: [:],
            memory: nil
        )
        #expect(configuration.store.reducersDirectory?.hasSuffix("/reducers") == true)
        configuration.store.reducersDirectory = nil
        return "\(configuration.store) \(configuration.server) \(configuration.logLevel)"
    }
}
