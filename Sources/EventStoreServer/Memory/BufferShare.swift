// Owns: one connection's account with one budget: what it may hold, and whether it waits to hold more.

import NIOCore

/// Used on the connection's event loop alone.
final class BufferShare {
    /// The budget is asked in steps of so many bytes, not for every command.
    private static let step = 64 << 10

    let budget: BufferBudget
    private let owner: BufferBudget.Owner
    private let eventLoop: any EventLoop
    /// Beyond the share that is anybody's.
    private var granted = 0
    private(set) var isWaiting = false
    private var isClosed = false
    /// Called when what was waited for has been granted; nil once it is closed.
    private var resume: (() -> Void)?

    init(_ budget: BufferBudget, owner: BufferBudget.Owner, eventLoop: any EventLoop, resume: @escaping () -> Void) {
        self.budget = budget
        self.owner = owner
        self.eventLoop = eventLoop
        self.resume = resume
    }

    /// Whether the connection may hold so many bytes, all told; asks the budget where it has to.
    func covers(_ held: Int) -> Bool {
        guard let missing = missing(held) else { return true }
        guard !isClosed, !isWaiting, budget.take(missing, for: owner) else { return false }
        granted += missing
        return true
    }

    /// Waits until the connection may hold so many bytes; `again` where it was granted too little before.
    func wait(for held: Int, again: Bool = false) {
        guard !isClosed, !isWaiting, let missing = missing(held) else { return }
        isWaiting = true
        let (share, eventLoop) = (NIOLoopBound(self, eventLoop: eventLoop), eventLoop)
        budget.wait(for: missing, for: owner, again: again) {
            eventLoop.execute { share.value.grant(missing) }
        }
    }

    /// Takes note of what the connection holds, and lets go of what it does not.
    func settle(_ held: Int) {
        // A write may find the connection dead, and close this account, in the middle of what it is settled after.
        guard !isClosed else { return }
        let needed = max(0, held - BufferBudget.share)
        if needed > granted {
            budget.owe(needed - granted, for: owner)
        } else if needed < granted, !isWaiting, needed == 0 || granted - needed >= Self.step {
            // While it waits, what it waits for is reckoned from what it has.
            budget.give(granted - needed, of: owner)
        } else {
            return
        }
        granted = needed
    }

    /// Answers for bytes that were taken from the budget in the connection's name.
    func adopt(_ bytes: Int) {
        if isClosed { budget.give(bytes, of: owner) } else { granted += bytes }
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        resume = nil
        budget.leave(owner, giving: granted)
        granted = 0
    }

    private func missing(_ held: Int) -> Int? {
        let missing = held - BufferBudget.share - granted
        return missing > 0 ? (missing + Self.step - 1) / Self.step * Self.step : nil
    }

    private func grant(_ bytes: Int) {
        isWaiting = false
        adopt(bytes)
        resume?()
    }
}
