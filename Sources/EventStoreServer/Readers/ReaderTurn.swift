// Owns: what a question that is worked on asks of its surroundings: whether others go first, and memory.

import Dispatch
import NIOCore
import SegmentLog
import Synchronization

/// The turn of one question, for the thread that works on it.
///
/// `@unchecked Sendable` because that thread alone uses it.
final class ReaderTurn: WorkHost, @unchecked Sendable {
    /// So long a question is worked on while others wait.
    private static let slice = TimeAmount.milliseconds(1)
    /// Memory is asked for in steps of so many bytes.
    private static let step = 256 << 10
    /// How soon a wait for memory takes notice that its question has ended.
    private static let endMilliseconds = 20

    private let job: ReaderJob
    private let pool: ReaderPool
    private var begun = NIODeadline.now()
    private var account: Account?
    /// Whether the question waits for memory with what it has, or ends, so that it begins anew when there is enough.
    var isPatient = false
    /// What it would have taken, where it has ended for that.
    private(set) var missingBytes = 0

    private struct Account {
        let budget: BufferBudget
        let owner: BufferBudget.Owner
        /// Bytes that the answer and what it is made of take now, about.
        var held = 0
        /// Of that, what was granted before.
        let granted: Int
        /// Taken from the budget.
        var taken = 0
    }

    init(_ job: ReaderJob, of pool: ReaderPool) {
        self.job = job
        self.pool = pool
    }

    /// Nanoseconds that others had meanwhile.
    @discardableResult
    func step() -> Int64 {
        guard pool.isContended else { return 0 }
        let now = NIODeadline.now()
        guard now - begun >= Self.slice else { return 0 }
        pool.pass(job)
        begun = .now()
        return (begun - now).nanoseconds
    }

    func idle(_ body: () -> Void) {
        pool.idle(job, body)
        begun = .now()
    }

    // MARK: Memory

    /// Has what is held from now on taken from a budget, in a connection's name; beyond what that has been granted already.
    func account(with budget: BufferBudget, for owner: BufferBudget.Owner, granted: Int = 0) {
        account = Account(budget: budget, owner: owner, granted: granted)
    }

    /// So much is held now, and what has been let go of can be held again.
    func holdsNothing(but bytes: Int) { account?.held = bytes }

    /// What has been taken, for whoever answers for it from now on.
    func closeAccount() -> Int {
        defer { account = nil }
        return account?.taken ?? 0
    }

    func hold(_ bytes: Int, for work: Work) throws(LogError) {
        guard account != nil else { return }
        account?.held += bytes
        guard let account, account.held > account.taken + max(account.granted, BufferBudget.share) else { return }
        let missing = max(account.held - account.taken - account.granted, Self.step)
        if !account.budget.take(missing, for: account.owner) {
            guard isPatient else {
                // Half as much again, or it would begin anew at every step.
                missingBytes = account.held + max(account.held / 2, Self.step)
                throw .ended(.cancelled)
            }
            try wait(for: missing, account, work)
        }
        self.account?.taken += missing
    }

    private func wait(for bytes: Int, _ account: Account, _ work: Work) throws(LogError) {
        let grant = Grant()
        let number = account.budget.wait(for: bytes, for: account.owner) {
            // Who has given up wants nothing any more.
            if !grant.give() { account.budget.give(bytes, of: account.owner) }
        }
        var isGranted = false
        idle {
            repeat { isGranted = grant.wait(milliseconds: Self.endMilliseconds) } while !isGranted && work.ending == nil
        }
        if !isGranted, grant.refuse() {
            account.budget.cancel(number, of: account.owner)
            try work.check()
        }
    }
}

/// Bytes that a question waits for.
private final class Grant: Sendable {
    private enum State {
        case awaited
        case given
        case refused
    }

    private let state = Mutex(State.awaited)
    private let signal = DispatchSemaphore(value: 0)

    /// False where nobody waits any more.
    func give() -> Bool {
        defer { signal.signal() }
        return settle(.given)
    }

    /// Waits no more. False where it has been given.
    func refuse() -> Bool { settle(.refused) }

    /// Whether it has been given within the time.
    func wait(milliseconds: Int) -> Bool { signal.wait(timeout: .now() + .milliseconds(milliseconds)) == .success }

    private func settle(_ end: State) -> Bool {
        state.withLock { state in
            guard state == .awaited else { return false }
            state = end
            return true
        }
    }
}
