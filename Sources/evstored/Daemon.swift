// Owns: the life of the daemon: listen, open, serve, obey signals, stop in order.
//
// It listens before it opens the store, because recovery may take long: whoever connects meanwhile is answered LOADING,
// and a socket that cannot be made is found before a store is. Everything that happens to it, from whatever thread, comes
// into one stream, and is dealt with one after the other.

import EventModel
import EventStore
import EventStoreServer
import Foundation
import Logging
import Synchronization
import UnixSignals

struct Daemon {
    let manager: ServiceManager
    let logger: Logger
    /// Reads the configuration again, for SIGHUP.
    let reload: @Sendable () throws(Configuration.Mistake) -> Configuration

    private enum Happening: Sendable {
        case opened(EventStore)
        case notOpened(OpenError)
        case signal(UnixSignal)
        /// The store takes no more appends.
        case failed(StoreError)
    }

    /// Runs until a signal or a failure ends it.
    func run(_ configuration: Configuration) async -> ExitStatus {
        manager.notify("STATUS=opening \(configuration.store.directory)\n\(RecoveryNotes.extension)")
        let (happenings, happened) = AsyncStream.makeStream(of: Happening.self)
        // Before anything else, so that a signal is obeyed however early it comes.
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        Task {
            for await signal in signals { happened.yield(.signal(signal)) }
        }
        var options = configuration.server
        options.listeningDescriptor = manager.listeningDescriptor
        options.report = { [logger] in logger.warning("\($0)") }
        if let fitted = Descriptors.fit(options.maximumConnections, directory: configuration.store.directory) {
            logger.warning("\(fitted.reason)")
            options.maximumConnections = fitted.connections
        }
        let server: Server
        do {
            server = try await Server.listen(options)
        } catch {
            logger.error("\(error)")
            return ExitStatus(starting: error)
        }
        open(configuration.store, server) { happened.yield($0) }
        let place = options.listeningDescriptor == nil ? options.socketPath : "the socket of the service manager"
        logger.info("listening on \(place)")

        var store: EventStore?
        var watching: Task<Void, Never>?
        var mustReload = false
        var status = ExitStatus.stopped
        happening: for await happening in happenings {
            switch happening {
            case .opened(let opened):
                store = opened
                server.serve(opened)
                logger.info("the log in \(configuration.store.directory) has come to event \(opened.tail)")
                if mustReload { reload(opened) }
                manager.notify("READY=1\nSTATUS=come to event \(opened.tail) at the start")
                watching = Task { await Watchdog(manager).feed(server, opened) }
            case .notOpened(let error):
                logger.error("\(error)")
                status = ExitStatus(error)
                break happening
            case .signal(.sighup):
                if let store { reload(store) } else { mustReload = true }
            case .signal:
                break happening
            case .failed(let error):
                logger.critical("no more appends: \(error)")
                status = .ioError
                break happening
            }
        }
        manager.notify("STOPPING=1\nSTATUS=finishing what is in flight")
        watching?.cancel()
        store?.beginStopping()
        await server.stop()
        guard let store else {
            // A recovery that is under way is left to end with the process. It may be cut off at any moment, as by a crash.
            logger.info("stopped before the store was open")
            return status
        }
        store.close()
        logger.info("stopped at event \(store.tail)")
        return status
    }

    /// Opens the store on a thread of its own, which may take as long as recovery does.
    private func open(
        _ options: StoreOptions,
        _ server: Server,
        _ happened: @escaping @Sendable (Happening) -> Void
    ) {
        let notes = RecoveryNotes(manager)
        let events = EventStore.Events(
            report: { [logger] in logger.warning("\($0)") },
            failed: { happened(.failed($0)) },
            recovering: { fraction in
                server.recovering(fraction)
                notes.progress(fraction)
            }
        )
        let thread = Thread {
            do throws(OpenError) {
                happened(.opened(try EventStore.open(options, events: events)))
            } catch {
                happened(.notOpened(error))
            }
        }
        thread.name = "ev-open"
        thread.stackSize = 8 << 20
        thread.start()
    }

    /// Reads the reducers and the list of projections anew.
    private func reload(_ store: EventStore) {
        manager.notify("RELOADING=1\nMONOTONIC_USEC=\(monotonicMicroseconds)")
        do {
            try store.reload(projections: try reload().store.projections)
            logger.info("reducers and projections reloaded; other settings take a restart")
        } catch {
            logger.error("nothing was reloaded: \(error)")
        }
        manager.notify("READY=1")
    }

    private var monotonicMicroseconds: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
    }
}
