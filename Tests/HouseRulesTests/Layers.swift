// Owns: which target may import what: targets of the package by their layer, everything else by a list.

/// The layers as Package.swift draws them: a comment with the layer's number, then its targets.
struct Layers {
    let layer: [String: Int]

    init(manifest: String) {
        var layer: [String: Int] = [:]
        var current: Int?
        var targets = false
        for line in manifest.split(separator: "\n") {
            if line.contains(/^ *targets: \[/) { targets = true }
            if let match = line.firstMatch(of: #/^ +// ([0-9]+):/#) { current = Int(match.1) }
            if line.contains(/testTarget\(|path: "Tests/) { current = nil }
            if targets, let current, let match = line.firstMatch(of: /(?:arget|ibrary)\(\s*name: "([A-Za-z]+)"/) {
                layer[String(match.1)] = current
            } else if targets, let current, let match = line.firstMatch(of: /^ {12}name: "([A-Za-z]+)"/) {
                layer[String(match.1)] = current
            }
        }
        self.layer = layer
    }

    /// What a target may import from outside the package. A new line here is a decision, not a formality.
    static let outside: [String: Set<String>] = [
        "Disk": ["Glibc"],
        "ProcessText": ["Glibc"],
        "SegmentLog": ["BasicContainers", "Glibc", "HeapModule", "Synchronization"],
        "Reducers": [],
        "EventModel": [],
        "EventRecords": [],
        "EventStore": ["DequeModule", "Glibc", "Synchronization"],
        "EventWire": [],
        "EventNDJSON": [],
        "EventStoreServer": ["Dispatch", "Glibc", "HeapModule", "NIOCore", "NIOPosix", "Synchronization"],
        "EventStoreClient": ["Glibc", "NIOCore", "NIOPosix", "Synchronization"],
        "evstored": ["ArgumentParser", "Foundation", "Glibc", "Logging", "Synchronization", "UnixSignals", "Yams"],
        "evctl": ["ArgumentParser", "Dispatch", "Foundation", "Glibc", "Synchronization"],
    ]

    func violations(_ file: TextFile) -> [String] {
        Self.imports(of: file).filter { $0 != file.target }.compactMap { name in
            guard let imported = layer[name] else {
                return Self.outside[file.target, default: []].contains(name)
                    ? nil : "\(file.path): \(file.target) is not to import \(name)"
            }
            guard let own = layer[file.target] else { return "\(file.path): \(file.target) stands in no layer" }
            return imported < own
                ? nil : "\(file.path): \(file.target), layer \(own), imports \(name), layer \(imported)"
        }
    }

    static func imports(of file: TextFile) -> [String] {
        let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "let", "var", "typealias"]
        return file.lines.compactMap { line -> String? in
            // What stands before are attributes and an access level.
            let words = line.prefix(upTo: line.firstRange(of: "//")?.lowerBound ?? line.endIndex).split(separator: " ")
            guard let index = words.firstIndex(of: "import"), index + 1 < words.count,
                words[..<index].allSatisfy({ $0.hasPrefix("@") || levels.contains($0) })
            else { return nil }
            let name = words[(index + 1)...].first { !kinds.contains($0) }
            return name?.split(separator: ".").first.map(String.init)
        }
    }

    private static let levels: Set<Substring> = ["public", "package", "internal", "fileprivate", "private"]
}
