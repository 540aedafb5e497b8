// Owns: the reducers that are on hand: the Lua files of one folder, and compiled instances that wait to be used again.

import Disk
import EventModel
import Reducers
import Synchronization

/// A compiled reducer on its way from one thread to the next.
///
/// `@unchecked Sendable` because a reducer has no thread of its own, and the box is always in one hand: in the library's
/// pool, in one query, or in one projection.
struct ReducerBox: @unchecked Sendable {
    let reducer: Reducer
}

/// The reducers of a folder, by name: `inventory.lua` is `inventory`. May be used from any thread.
final class ReducerLibrary: Sendable {
    private struct State {
        var sources: [String: ReducerSource] = [:]
        var idle: [ContentHash: [ReducerBox]] = [:]
    }

    private static let idlePerReducer = 4

    private let disk: any Disk
    private let directory: String?
    private let limits: ReducerLimits
    private let state = Mutex(State())

    init(_ disk: any Disk, directory: String?, limits: ReducerLimits) {
        self.disk = disk
        self.directory = directory
        self.limits = limits
    }

    /// Reads the folder anew. Throws where it cannot be read; a file with a mistake in it is found when it is used.
    func reload() throws(StoreError) {
        guard let directory else { return }
        var sources: [String: ReducerSource] = [:]
        do throws(DiskError) {
            for name in try disk.names(in: directory) where name.hasSuffix(".lua") {
                let reducer = String(name.dropLast(4))
                guard Self.isName(reducer) else { continue }
                sources[reducer] = ReducerSource(name: reducer, text: try disk.contents(of: "\(directory)/\(name)"))
            }
        } catch {
            throw StoreError(.other, "the reducers' folder cannot be read: \(error)")
        }
        let hashes = Set(sources.values.map(\.contentHash))
        state.withLock { state in
            state.sources = sources
            state.idle = state.idle.filter { hashes.contains($0.key) }
        }
    }

    /// The names on hand, sorted.
    var names: [String] {
        state.withLock { $0.sources.keys.sorted() }
    }

    func source(_ name: String) throws(StoreError) -> ReducerSource {
        guard let source = state.withLock({ $0.sources[name] }) else {
            let known = names.joined(separator: ", ")
            throw StoreError(.notFound, "no reducer '\(name)'; there are: \(known.isEmpty ? "none" : known)")
        }
        return source
    }

    /// A compiled instance at its initial state: one that waits, or a new one.
    func take(_ source: ReducerSource) throws(StoreError) -> ReducerBox {
        let hash = source.contentHash
        let waiting = state.withLock { $0.idle[hash]?.popLast() }
        do throws(ReducerError) {
            let box: ReducerBox
            if let waiting { box = waiting } else { box = ReducerBox(reducer: try Reducer(source, limits: limits)) }
            try box.reducer.reset()
            return box
        } catch {
            throw StoreError(error, reducer: source.name, at: nil)
        }
    }

    /// Takes an instance back for the next query. One that has faulted is better dropped.
    func giveBack(_ box: ReducerBox) {
        let source = box.reducer.source
        state.withLock { state in
            guard state.sources[source.name] == source else { return }
            let hash = source.contentHash
            if state.idle[hash, default: []].count < Self.idlePerReducer { state.idle[hash, default: []].append(box) }
        }
    }

    /// A reducer's name is also a folder's name: letters, digits, `_`, `-` and `.`, not at the beginning.
    private static func isName(_ name: String) -> Bool {
        let allowed = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
                true
            default: false
            }
        }
        return allowed && !name.isEmpty && !name.hasPrefix(".") && name.utf8.count <= 128
    }
}
