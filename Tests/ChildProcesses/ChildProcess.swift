// Owns: starting a program for a test, and waiting for its end.

package import Foundation
import Glibc
import Synchronization

/// Held while a program is started.
private let starting = Mutex(())

extension Process {
    /// Starts the program: one at a time, for Foundation's `run` is not made for many threads, and what is started at the same moment
    /// inherits descriptors that are another's.
    package func start() throws {
        try starting.withLock { _ in try run() }
    }

    /// Waits until the program has ended. Returns its exit status; minus the signal where one has killed it.
    ///
    /// Not by `waitUntilExit`: Foundation comes to know of an end by a descriptor that is closed with the program, and another one
    /// that is started at the same moment may hold it, too, until it ends itself. Where it waits for the test, neither ever does.
    @discardableResult
    package func waitForEnd() -> Int32 {
        var end = siginfo_t()
        while waitid(P_PID, id_t(processIdentifier), &end, WEXITED | WNOWAIT) != 0 {
            guard errno == EINTR else {
                // It is known already.
                waitUntilExit()
                return terminationReason == .exit ? terminationStatus : -terminationStatus
            }
        }
        let status = end._sifields._sigchld.si_status
        return end.si_code == CLD_EXITED ? status : -status
    }
}
