import Testing

@Suite("Imports only go down")
struct LayerTests {
    let layers = Layers(manifest: Repository.file("Package.swift")?.text ?? "")

    @Test("the manifest puts every target of Sources into a layer")
    func everyTargetHasALayer() {
        let sources = Repository.files.filter { $0.path.hasPrefix("Sources/") }
        let targets = Set(sources.map(\.target))
        #expect(targets.count >= 12)
        #expect(Set(layers.layer.keys) == targets)
        #expect(layers.layer["Disk"] == 1)
        #expect(layers.layer["evstored"] == layers.layer.values.max())
    }

    @Test("no target imports one of its own layer or above, nor a module it has no business with")
    func importsGoDown() {
        #expect(Repository.sources(".swift").count > 100)
        #expect(Repository.sources(".swift").flatMap(layers.violations) == [])
    }

    @Test(
        "an import that breaks the rule is found",
        arguments: [
            ("SegmentLog", "import EventModel"),
            ("EventStoreClient", "package import EventStoreServer"),
            ("EventWire", "import NIOCore"),
            ("EventModel", "import Foundation"),
            ("Disk", "@preconcurrency internal import EventStore"),
            ("EventStore", "import struct NIOCore.ByteBuffer"),
        ]
    )
    func badImport(target: String, line: String) {
        let file = TextFile(path: "Sources/\(target)/A.swift", text: "// Owns: a.\n\(line)\n")
        #expect(layers.violations(file).count == 1)
    }
}
