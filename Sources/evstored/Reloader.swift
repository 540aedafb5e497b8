// Owns: reading the configuration and the reducers anew in a running daemon: what is taken up, and what is told of the rest.

import EventModel
import EventStore
import EventStoreServer
import Synchronization

/// Asked by SIGHUP and by EV.RELOAD, from any thread; one reload at a time.
final class Reloader: Sendable {
    private let manager: ServiceManager
    private let started: Configuration
    /// Reads the configuration again.
    private let load: @Sendable () throws(Configuration.Mistake) -> Configuration
    private let turn = Mutex(())

    init(
        _ manager: ServiceManager,
        started: Configuration,
        load: @escaping @Sendable () throws(Configuration.Mistake) -> Configuration
    ) {
        self.manager = manager
        self.started = started
        self.load = load
    }

    /// Takes up the reducers, the list of projections and the rules of access. Throws, and changes nothing, where there is a
    /// mistake in the configuration, or a projection has no reducer.
    func reload(_ store: EventStore, _ replaceRules: (AccessRules) -> Void) throws(StoreError) -> ReloadReport {
        try turn.withLock { _ throws(StoreError) in
            manager.notify("RELOADING=1\nMONOTONIC_USEC=\(ServiceManager.monotonicMicroseconds)")
            defer { manager.notify("READY=1") }
            let configuration: Configuration
            do throws(Configuration.Mistake) {
                configuration = try load()
            } catch {
                throw Self.nothing(error.description)
            }
            do throws(StoreError) {
                try store.reload(projections: configuration.store.projections)
            } catch {
                throw Self.nothing(error.message)
            }
            replaceRules(configuration.server.access)
            let waiting = Setting.all.filter {
                !Self.taken.contains($0.key) && configuration.differs(from: started, in: $0)
            }
            return ReloadReport(
                reducers: store.reducerStatuses(),
                projections: configuration.store.projections,
                awaitingRestart: waiting.map(\.key)
            )
        }
    }

    /// The keys of what a reload takes up.
    private static let taken: Set = ["projections", "access"]

    private static func nothing(_ reason: String) -> StoreError {
        StoreError(.other, "nothing was reloaded: \(reason)")
    }
}
