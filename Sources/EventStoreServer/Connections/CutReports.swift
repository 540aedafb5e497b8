// Owns: telling an operator of connections that were closed against their will, and not more often than can be read: whoever
// can connect can have itself cut.

import NIOCore
import Synchronization

/// May be used from any thread.
final class CutReports: Sendable {
    private struct State {
        var budget = ReportBudget(maximum: 10)
        var count: UInt64 = 0
    }

    private let report: @Sendable (String) -> Void
    private let state = Mutex(State())

    init(report: @escaping @Sendable (String) -> Void) {
        self.report = report
    }

    /// How many there have been.
    var count: UInt64 { state.withLock(\.count) }

    func note(_ text: String) {
        let now = NIODeadline.now()
        let untold = state.withLock { state in
            state.count += 1
            return state.budget.admit(at: now)
        }
        guard let untold else { return }
        report(untold == 0 ? text : "\(text) (and \(untold) other connections before it)")
    }
}
