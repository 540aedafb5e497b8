// Owns: telling the service manager that the daemon is alive: only when it is.
//
// Every event loop and the writer are asked a question, and the manager is told once all have taken it up; then, after a
// rest, they are asked again. So a sync that takes seconds delays the news, and one that never ends stops it. Reader
// threads are not asked: one that is busy for minutes is folding a long history, which is no reason to abort. What a loop
// answers by itself is about a few events.

import EventStore
import EventStoreServer

struct Watchdog {
    private let manager: ServiceManager

    init(_ manager: ServiceManager) {
        self.manager = manager
    }

    /// Goes on until its task is cancelled, which must be done before the server stops. Returns at once where nobody
    /// watches.
    func feed(_ server: Server, _ store: EventStore) async {
        guard let interval = manager.watchdogIntervalMilliseconds else { return }
        while !Task.isCancelled {
            await server.reachLoops()
            guard await store.reachWriter() else { return }
            manager.notify("WATCHDOG=1")
            try? await Task.sleep(for: .milliseconds(interval))
        }
    }
}
