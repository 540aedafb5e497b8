// Owns: what ends the process from outside. At SIGINT and SIGTERM it says its last words and ends with status 130, unless a
// command that can stop in good order defers that, and asks; a second signal ends it in any case. A command that only
// prints ends with its reader, too.

import Dispatch
import EventStore
import Glibc
import Synchronization

final class Interruption: Sendable {
    private struct State {
        var isDeferred = false
        var isRequested = false
        /// Whether it may end the process; a test's may not.
        var isOfThisProcess = false
        var lastWords: [@Sendable () -> Void] = []
    }

    private let state = Mutex(State())

    /// Whether a signal has come that the command is to obey.
    var isRequested: Bool {
        state.withLock(\.isRequested)
    }

    /// From now on the first signal only sets `isRequested`.
    func deferToCommand() {
        state.withLock { $0.isDeferred = true }
    }

    /// Adds what must happen before the process ends by a signal, such as removing a temporary directory.
    func beforeEnd(_ lastWords: @escaping @Sendable () -> Void) {
        state.withLock { $0.lastWords.append(lastWords) }
    }

    /// From now on the process ends, in success, once nobody is left to read its standard output: nothing that is still to
    /// come would be seen, and the next event may be hours away. For commands that only print.
    func endWithReaderOfOutput() {
        guard state.withLock(\.isOfThisProcess) else { return }
        _ = NamedThread("output") { [self] in
            if Descriptor.standardOutput.waitUntilReaderHasGone() { end(.ok) }
        }
    }

    func watchSignals() {
        state.withLock { $0.isOfThisProcess = true }
        // A write that nobody reads is an error where it is made, which can be dealt with.
        signal(SIGPIPE, SIG_IGN)
        for number in [SIGINT, SIGTERM] {
            // A dispatch source hears only of a signal that the process itself ignores.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            // The handler holds its source, which lives as long as the process that way.
            source.setEventHandler { [self] in withExtendedLifetime(source) { interrupt() } }
            source.activate()
        }
    }

    func interrupt() {
        let isForCommand = state.withLock { state in
            defer { state.isRequested = true }
            return state.isDeferred && !state.isRequested
        }
        if !isForCommand { end(.interrupted) }
    }

    private func end(_ status: ExitStatus) -> Never {
        for say in state.withLock(\.lastWords).reversed() { say() }
        _exit(status.rawValue)
    }
}
