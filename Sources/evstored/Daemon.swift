// Owns: the life of the daemon: open, serve, obey signals, stop in order.

import EventModel
import EventStore
import EventStoreServer
import Glibc
import Logging
import Synchronization
import UnixSignals

struct Daemon {
    let manager: ServiceManager
    let logger: Logger
    /// Reads the configuration again, for SIGHUP.
    let reload: @Sendable () throws(Configuration.Mistake) -> Configuration

    /// Runs until a signal or a failure ends it.
    func run(_ configuration: Configuration) async -> ExitStatus {
        // Before anything else: a signal that comes during recovery is obeyed after it.
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        let (failures, failed) = AsyncStream.makeStream(of: StoreError.self)
        let store: EventStore
        do throws(OpenError) {
            manager.notify("STATUS=recovering \(configuration.store.directory)\nEXTEND_TIMEOUT_USEC=300000000")
            store = try EventStore.open(
                configuration.store,
                events: EventStore.Events(
                    report: { [logger] in logger.warning("\($0)") },
                    failed: { failed.yield($0) }
                )
            )
        } catch {
            logger.error("\(error)")
            return ExitStatus(error)
        }
        var options = configuration.server
        options.listeningDescriptor = manager.listeningDescriptor
        let server: Server
        do {
            server = try await Server.start(store: store, options: options)
        } catch {
            logger.error("\(error)")
            store.close()
            return ExitStatus(starting: error)
        }
        let place = options.listeningDescriptor == nil ? options.socketPath : "the socket of the service manager"
        logger.info("\(store.tail) events in \(configuration.store.directory); listening on \(place)")
        manager.notify("READY=1\nSTATUS=\(store.tail) events at the start")

        let status = await withTaskGroup(of: ExitStatus?.self) { group in
            group.addTask { await obey(signals, store) }
            group.addTask {
                for await failure in failures {
                    logger.critical("no more appends: \(failure)")
                    return .ioError
                }
                return nil
            }
            group.addTask {
                await feedWatchdog(store)
                return nil
            }
            let status = await group.first { $0 != nil } ?? nil
            group.cancelAll()
            return status ?? .stopped
        }
        manager.notify("STOPPING=1\nSTATUS=finishing what is in flight")
        store.beginStopping()
        await server.stop()
        store.close()
        logger.info("stopped at event \(store.tail)")
        return status
    }

    /// Returns at SIGTERM or SIGINT; SIGHUP reads the reducers and the list of projections anew.
    private func obey(_ signals: UnixSignalsSequence, _ store: EventStore) async -> ExitStatus? {
        for await signal in signals {
            guard signal == .sighup else { return .stopped }
            manager.notify("RELOADING=1\nMONOTONIC_USEC=\(monotonicMicroseconds)")
            do {
                try store.reload(projections: try reload().store.projections)
                logger.info("reducers and projections reloaded; other settings take a restart")
            } catch {
                logger.error("nothing was reloaded: \(error)")
            }
            manager.notify("READY=1")
        }
        return nil
    }

    /// Tells the service manager that the daemon is alive, as often as it wants to hear it: only if the writer has taken
    /// up a question since the last time.
    private func feedWatchdog(_ store: EventStore) async {
        guard let interval = manager.watchdogIntervalMilliseconds else { return }
        while !Task.isCancelled {
            if await store.reachWriter() { manager.notify("WATCHDOG=1") }
            try? await Task.sleep(for: .milliseconds(interval))
        }
    }

    private var monotonicMicroseconds: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
    }
}
