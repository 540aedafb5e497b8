// Owns: the names of a simulated disk: which path leads to which file or directory, durably and at this moment.
//
// What a crash leaves of unsynced changes is chosen in one of two ways, by chance:
//
//   * in order: of each directory, the changes up to some point. This is what a journal does.
//   * name by name: any subset in which no change happened without those to the same names before it. No file system
//     in use is as bad, POSIX allows it, and whatever survives it survives the other.
//
// A rename happens as a whole or not at all, between directories too.

/// What a path leads to.
enum SimulatedNode: Hashable, Sendable {
    case directory
    case file(Int)
}

struct SimulatedNames: Sendable {
    private struct Change: Sendable {
        let removed: String?
        let added: (path: String, node: SimulatedNode)?
        let paths: Set<String>
        let directories: Set<String>

        init(removed: String?, added: (path: String, node: SimulatedNode)?) {
            self.removed = removed
            self.added = added
            paths = Set([removed, added?.path].compactMap(\.self))
            directories = Set(paths.map(SimulatedNames.parent))
        }
    }

    private(set) var current: [String: SimulatedNode] = [:]
    private var durable: [String: SimulatedNode] = [:]
    private var pending: [Change] = []

    static func parent(of path: String) -> String {
        let parent = path[..<(path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? path.startIndex)]
        return parent.isEmpty ? "/" : String(parent)
    }

    init() {
        current = ["/": .directory]
        durable = current
    }

    /// A creation, a removal, or both at once, which is a rename.
    mutating func change(removing removed: String? = nil, adding added: (path: String, node: SimulatedNode)? = nil) {
        let change = Change(removed: removed, added: added)
        Self.apply(change, to: &current)
        pending.append(change)
    }

    /// Makes the changes in a directory durable, and with them those before which they cannot have happened.
    mutating func sync(_ directory: String) {
        var synced: Set<String> = [directory]
        var isDurable: [Bool] = []
        for change in pending.reversed() {
            let belongs = !synced.isDisjoint(with: change.directories)
            if belongs { synced.formUnion(change.directories) }
            isDurable.append(belongs)
        }
        for (change, belongs) in zip(pending, isDurable.reversed()) where belongs { Self.apply(change, to: &durable) }
        pending = zip(pending, isDurable.reversed()).filter { !$0.1 }.map(\.0)
    }

    mutating func crash(_ random: inout SeededRandom) {
        let isInOrder = Bool.random(using: &random)
        let losses = Int.random(in: 0...2, using: &random)
        var lost: Set<String> = []
        for change in pending {
            let touched = isInOrder ? change.directories : change.paths
            // A change cannot have happened in a directory that did not come to be either.
            let isImpossible = !lost.isDisjoint(with: touched.union(change.directories.filter { durable[$0] == nil }))
            if isImpossible || Int.random(in: 0..<3, using: &random) < losses {
                lost.formUnion(touched)
            } else {
                Self.apply(change, to: &durable)
            }
        }
        pending = []
        durable = durable.filter { isReachable($0.key) }
        current = durable
    }

    private func isReachable(_ path: String) -> Bool {
        path == "/"
            || durable[path] != nil && durable[Self.parent(of: path)] == .directory
                && isReachable(Self.parent(of: path))
    }

    private static func apply(_ change: Change, to names: inout [String: SimulatedNode]) {
        if let removed = change.removed { names[removed] = nil }
        if let added = change.added { names[added.path] = added.node }
    }
}
