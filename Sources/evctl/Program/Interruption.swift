// Owns: what SIGINT and SIGTERM do. By default the process says its last words and ends with status 130; a command that
// can stop in good order defers that, and asks. A second signal ends it in any case.

import Dispatch
import Glibc
import Synchronization

final class Interruption: Sendable {
    private struct State {
        var isDeferred = false
        var isRequested = false
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

    func watchSignals() {
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
        let lastWords: [@Sendable () -> Void]? = state.withLock { state in
            defer { state.isRequested = true }
            return state.isDeferred && !state.isRequested ? nil : state.lastWords
        }
        guard let lastWords else { return }
        for say in lastWords.reversed() { say() }
        _exit(ExitStatus.interrupted.rawValue)
    }
}
