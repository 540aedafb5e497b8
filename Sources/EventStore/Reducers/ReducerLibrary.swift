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
        fileprivate var files: [File] = []
        /// Why the folder could not be looked through.
        fileprivate var fault: StoreError?

        fileprivate subscript(name: String) -> File? { files.first { $0.name == name } }
    }

    /// A file that is called as a reducer's.
    fileprivate struct File: Sendable {
        let name: String
        /// What it says; or why it is passed over.
        let source: Result<ReducerSource, StoreError>

        var fault: StoreError? {
            if case .failure(let fault) = source { fault } else { nil }
        }
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

    /// Reads the folder for the first time. Where that cannot be done it is reported, and there are no reducers: appends and
    /// reads do not depend on them.
    func begin() {
        do throws(StoreError) {
            try reload()
        } catch {
            report(error.message)
            state.withLock { $0.catalog.fault = error }
        }
    }

    /// Reads the folder anew, and returns what was on hand before. Throws where the folder cannot be read; a file in it that
    /// cannot be read, or is no reducer, is passed over and reported, for it is nothing to the other reducers.
    @discardableResult
    func reload() throws(StoreError) -> Catalog {
        guard let directory else { return Catalog() }
        var catalog = Catalog()
        do throws(DiskError) {
            // What begins with a dot is an editor's, or a mount's.
            for name in try disk.names(in: directory).sorted() where name.hasSuffix(".lua") && !name.hasPrefix(".") {
                let file = File(name: String(name.dropLast(4)), source: try source(of: name, in: directory))
                if let fault = file.fault { report("the reducer file \(name) is passed over: \(fault.message)") }
                catalog.files.append(file)
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

    /// Throws only what would be wrong with any other file, too.
    private func source(of file: String, in directory: String) throws(DiskError) -> Result<ReducerSource, StoreError> {
        let name = String(file.dropLast(4))
        guard Self.isName(name) else {
            return .failure(
                StoreError(
                    .notFound,
                    "a reducer's name is 1 to 128 of the letters a to z and A to Z, digits, _, - and ."
                )
            )
        }
        let text: [UInt8]
        do throws(DiskError) {
            guard let read = try disk.contents(of: "\(directory)/\(file)", limit: Self.maximumBytes, .readLinked) else {
                return .failure(StoreError(.notFound, "it has more than \(Self.maximumBytes) bytes"))
            }
            text = read
        } catch {
            guard !error.isWantOfResources else { throw error }
            // Its name was in the folder a moment ago.
            let reason = error.isMissing ? "\(error): it is a link that leads nowhere" : "\(error)"
            return .failure(StoreError(.notFound, reason))
        }
        let source = ReducerSource(name: name, text: text)
        do {
            _ = try Reducer(source, limits: limits)
            return .success(source)
        } catch {
            return .failure(StoreError(error, reducer: name, at: nil))
        }
    }

    /// Goes back to what `reload` returned.
    func restore(_ catalog: Catalog) {
        state.withLock { $0.catalog = catalog }
    }

    /// The names on hand, sorted.
    var names: [String] {
        state.withLock(\.catalog).files.filter { $0.fault == nil }.map(\.name)
    }

    /// Every file, with what has come of it; sorted by name.
    func statuses(projections: [String]) -> [ReducerStatus] {
        guard let directory else { return [] }
        return state.withLock(\.catalog).files.map { file in
            ReducerStatus(
                name: file.name,
                file: "\(directory)/\(file.name).lua",
                fault: file.fault,
                isProjection: projections.contains(file.name)
            )
        }
    }

    func source(_ name: String) throws(StoreError) -> ReducerSource {
        let catalog = state.withLock(\.catalog)
        switch catalog[name]?.source {
        case .success(let source): return source
        case .failure(let fault):
            throw StoreError(
                fault.code,
                "no reducer '\(name)': the file \(name).lua is passed over: \(fault.message)"
            )
        case nil:
            if let fault = catalog.fault { throw StoreError(.notFound, "no reducer '\(name)': \(fault.message)") }
            let known = names.joined(separator: ", ")
            throw StoreError(.notFound, "no reducer '\(name)'; there are: \(known.isEmpty ? "none" : known)")
        }
    }

    /// Has an instance of a reducer at hand for the next query: to make one takes longer than to fold a few events. Never one
    /// that has been used, for what a reducer has hidden in its globals must not pass from one query to another.
    func prepare(_ name: String) {
        guard let source = try? source(name), state.withLock({ $0.ready[name] }) == nil,
            let made = try? make(source)
        else { return }
        state.withLock { $0.ready[name] = made }
    }

    /// A compiled instance at its initial state; under the library's limits where none are given. `stop` ends it, from the first
    /// line of its source on.
    func make(
        _ source: ReducerSource,
        limits: ReducerLimits? = nil,
        stop: ReducerStop? = nil
    ) throws(StoreError) -> ReducerBox {
        if let ready = state.withLock({ $0.ready.removeValue(forKey: source.name) }), ready.reducer.source == source {
            ready.reducer.stop = stop
            return ready
        }
        do {
            return ReducerBox(reducer: try Reducer(source, limits: limits ?? self.limits, stop: stop))
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

extension EventStore {
    /// What the states of reducers have of memory that malloc does not know of, in bytes.
    package static var reducerSlabBytes: Int { Reducer.slabBytes }
}
