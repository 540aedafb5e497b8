// Owns: what the service manager is told while the store is recovered: how far it is, and to be patient.

import Synchronization

/// Called by the thread that opens the store.
final class RecoveryNotes: Sendable {
    /// How long the manager is to wait for the next note. It is only asked to when there is progress, so a recovery that
    /// hangs runs into the manager's limit.
    static let `extension` = "EXTEND_TIMEOUT_USEC=300000000"
    private static let interval = Duration.seconds(1)

    private let manager: ServiceManager
    private let last = Mutex<ContinuousClock.Instant?>(nil)

    init(_ manager: ServiceManager) {
        self.manager = manager
    }

    /// Takes note of the part, 0 to 1, that is done; tells it at most once a second.
    func progress(_ fraction: Double) {
        let isDue = last.withLock { last in
            if let last, last.duration(to: .now) < Self.interval { return false }
            last = .now
            return true
        }
        if isDue { manager.notify(status: "recovering, \(Int(fraction * 100)) %", Self.extension) }
    }
}
