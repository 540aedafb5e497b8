// Owns: the reducers that are on hand: the Lua files of one folder, and a way to compile them.

import Disk
import EventModel
import Reducers
import Synchronization

/// A compiled reducer on its way from one thread to the next.
///
/// `@unchecked Sendable` because a reducer has no thread of its own, and the box is always in one hand: in one query, or in
/// one projection.
struct ReducerBox: @unchecked Sendable {
    let reducer: Reducer
}

/// The reducers of a folder, by name: `inventory.lua` is `inventory`. May be used from any thread.
final class ReducerLibrary: Sendable {
    /// Longer than any program that somebody has written.
    private static let maximumBytes = 16 << 20

    /// What a look through the folder has found.
    struct Catalog: Sendable {
        fileprivate var sources: [String: ReducerSource] = [:]
        /// Why a file that is called as a reducer's cannot be one, by the reducer's name.
        fileprivate var passedOver: [String: String] = [:]
    }

    private struct State {
        var catalog = Catalog()
        /// Instances that nobody has used yet, by name.
        var ready: [String: ReducerBox] = [:]
    }

    private let disk: any Disk
    private let directory: String?
    private let limits: ReducerLimits
    private let report: @Sendable (String) -> Void
    private let state = Mutex(State())

    init(
        _ disk: any Disk,
        directory: String?,
        limits: ReducerLimits,
        report: @escaping @Sendable (String) -> Void
    ) {
        self.disk = disk
        self.directory = directory
        self.limits = limits
        self.report = report
    }

    /// Reads the folder anew, and returns what was on hand before. Throws where the folder cannot be read; a file in it that
    /// cannot is passed over and reported, for it is nothing to the other reducers; one with a mistake in it is found when it
    /// is used.
    @discardableResult
    func reload() throws(StoreError) -> Catalog {
        guard let directory else { return Catalog() }
        var catalog = Catalog()
        do throws(DiskError) {
            for name in try disk.names(in: directory).sorted() where name.hasSuffix(".lua") {
                let reducer = String(name.dropLast(4))
                guard Self.isName(reducer) else { continue }
                switch try text(of: "\(directory)/\(name)") {
                case .read(let text): catalog.sources[reducer] = ReducerSource(name: reducer, text: text)
                case .passedOver(let reason):
                    catalog.passedOver[reducer] = reason
                    report("the reducer file \(name) is passed over: \(reason)")
                }
            }
        } catch {
            throw StoreError(.other, "the reducers' folder cannot be read: \(error)")
        }
        let read = catalog
        return state.withLock { state in
            defer { state.catalog = read }
            return state.catalog
        }
    }

    private enum Text {
        case read([UInt8])
        case passedOver(reason: String)
    }

    /// Throws only what would be wrong with any other file, too.
    private func text(of path: String) throws(DiskError) -> Text {
        do throws(DiskError) {
            guard let text = try disk.contents(of: path, limit: Self.maximumBytes, .readLinked) else {
                return .passedOver(reason: "it has more than \(Self.maximumBytes) bytes")
            }
            return .read(text)
        } catch {
            guard !error.isWantOfResources else { throw error }
            // Its name was in the folder a moment ago.
            return .passedOver(reason: error.isMissing ? "\(error): it is a link that leads nowhere" : "\(error)")
        }
    }

    /// Goes back to what `reload` returned.
    func restore(_ catalog: Catalog) {
        state.withLock { $0.catalog = catalog }
    }

    /// The names on hand, sorted.
    var names: [String] {
        state.withLock { $0.catalog.sources.keys.sorted() }
    }

    func source(_ name: String) throws(StoreError) -> ReducerSource {
        let catalog = state.withLock(\.catalog)
        if let reason = catalog.passedOver[name] {
            throw StoreError(.notFound, "no reducer '\(name)': the file \(name).lua is passed over: \(reason)")
        }
        guard let source = catalog.sources[name] else {
            let known = names.joined(separator: ", ")
            throw StoreError(.notFound, "no reducer '\(name)'; there are: \(known.isEmpty ? "none" : known)")
        }
        return source
    }

    /// Has an instance of a reducer at hand for the next query: to make one takes longer than to fold a few events. Never one
    /// that has been used, for what a reducer has hidden in its globals must not pass from one query to another.
    func prepare(_ name: String) {
        guard let source = try? source(name), state.withLock({ $0.ready[name] }) == nil,
            let made = try? make(source)
        else { return }
        state.withLock { $0.ready[name] = made }
    }

    /// A compiled instance at its initial state.
    func make(_ source: ReducerSource) throws(StoreError) -> ReducerBox {
        if let ready = state.withLock({ $0.ready.removeValue(forKey: source.name) }), ready.reducer.source == source {
            return ready
        }
        do {
            return ReducerBox(reducer: try Reducer(source, limits: limits))
        } catch {
            throw StoreError(error, reducer: source.name, at: nil)
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
