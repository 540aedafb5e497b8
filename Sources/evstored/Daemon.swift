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
import SegmentLog
import Synchronization
import UnixSignals

struct Daemon {
    let manager: ServiceManager
    let logger: Logger
    /// Reads the configuration again.
    let load: @Sendable () throws(Configuration.Mistake) -> Configuration

    private enum Happening: Sendable {
        case opened(EventStore)
        case notOpened(OpenError)
        case signal(UnixSignal)
        /// The store takes no more appends.
        case failed(StoreError)
    }

    /// Runs until a signal or a failure ends it.
    func run(_ configuration: Configuration) async -> ExitStatus {
        manager.notify(status: "opening \(configuration.store.directory)", RecoveryNotes.extension)
        let (happenings, happened) = AsyncStream.makeStream(of: Happening.self)
        // Before anything else, so that a signal is obeyed however early it comes.
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        Task {
            for await signal in signals { happened.yield(.signal(signal)) }
        }
        var options = configuration.server
        options.listeningDescriptor = manager.listeningDescriptor
        options.readOnlyListeningDescriptor = manager.readOnlyListeningDescriptor
        // Whatever else is worth a line, this is.
        var auditLog = logger
        auditLog.logLevel = min(logger.logLevel, .notice)
        options.audit = { [auditLog] in auditLog.notice("\($0)") }
        options.report = { [logger] in logger.warning("\($0)") }
        let reloader = Reloader(manager, started: configuration, load: load)
        options.reload = { store, replaceRules in
            Result { () throws(StoreError) in try reloader.reload(store, replaceRules) }
        }
        if let fitted = Descriptors.fit(options.maximumConnections, directory: configuration.store.directory) {
            logger.warning("\(fitted.reason)")
            options.maximumConnections = fitted.connections
        }
        if let objection = MemoryNeeds(configuration).objection(to: .ofProcess()) { logger.warning("\(objection)") }
        let server: Server
        do {
            server = try await Server.listen(options)
        } catch {
            logger.error("\(error)")
            return ExitStatus(starting: error)
        }
        var storeOptions = configuration.store
        storeOptions.sealingThreads = options.packingThreads
        open(storeOptions, server) { happened.yield($0) }
        let place = options.listeningDescriptor == nil ? options.socketPath : "the socket of the service manager"
        logger.info("listening on \(place)")
        if options.readOnlyListeningDescriptor != nil {
            logger.info("listening, for reading only, on a second socket of the service manager")
        } else if let path = options.readOnlySocketPath {
            logger.info("listening, for reading only, on \(path)")
        }

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
                if opened.recovery.followsUncleanStop {
                    logger.notice("the last run did not stop in good order; recovery has been through what it left")
                }
                if mustReload { reload(opened, reloader, server) }
                manager.notify(status: "come to event \(opened.tail) at the start", "READY=1")
                watching = Task { await Watchdog(manager).feed(server, opened) }
            case .notOpened(let error):
                logger.error("\(error)")
                status = ExitStatus(error)
                break happening
            case .signal(.sighup):
                if let store { reload(store, reloader, server) } else { mustReload = true }
            case .signal:
                break happening
            case .failed(let error):
                logger.critical("no more appends: \(error)")
                status = .ioError
                break happening
            }
        }
        manager.notify(status: "finishing what is in flight", "STOPPING=1")
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

    /// SIGHUP.
    private func reload(_ store: EventStore, _ reloader: Reloader, _ server: Server) {
        do {
            let waiting = try reloader.reload(store, server.replace(rules:)).awaitingRestart
            let rest = waiting.isEmpty ? "" : "; a restart is needed for: \(waiting.joined(separator: ", "))"
            logger.info("access, reducers and projections reloaded\(rest)")
        } catch {
            logger.error("\(error.message)")
        }
    }
}
