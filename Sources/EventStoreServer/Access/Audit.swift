// Owns: the audit lines of the daemon's log: who was refused what, and who has done what to the store. No user can make more of
// them than can be read: beyond some in each interval they are counted, and told in sum.

import EventModel
import EventWire
import NIOCore
import Synchronization

/// May be used from any thread.
final class Audit: Sendable {
    private enum Kind: Hashable {
        /// For want of a role, or of a command of which a user has had enough. Each is counted by itself, so that none hides another.
        case refusal(Cause)
        case act

        /// So many lines of one user are written in an interval.
        var maximum: Int {
            switch self {
            case .refusal: 10
            case .act: 100
            }
        }

        var words: String {
            switch self {
            case .refusal: "refusals"
            case .act: "acts of administration"
            }
        }
    }

    private enum Cause: Hashable {
        case lacking(Role)
        case excess(of: String)
    }

    private struct Key: Hashable {
        let kind: Kind
        /// Nil for those whom the system does not tell, and for more users than are told apart.
        let user: UInt32?
    }

    private struct Account {
        var budget: ReportBudget
        let name: String
    }

    /// One for each user and kind. Who comes when there are so many shares one with others.
    private static let maximumAccounts = 4096

    private let write: @Sendable (String) -> Void
    private let accounts = Mutex<[Key: Account]>([:])

    init(write: @escaping @Sendable (String) -> Void) {
        self.write = write
    }

    /// A caller was refused something, for a reason: for want of a role, or because the user has had enough.
    func refused(_ caller: Caller, _ what: String, _ reason: String, lacking role: Role?) {
        note(.refusal(role.map(Cause.lacking) ?? .excess(of: what)), caller, "\(what) refused: \(reason)")
    }

    /// A caller has done something to the store, or has tried to.
    func acted(_ caller: Caller, _ what: String, _ outcome: String) {
        note(.act, caller, "\(what) \(outcome)")
    }

    private func note(_ kind: Kind, _ caller: Caller, _ text: String) {
        let now = NIODeadline.now()
        let untold = accounts.withLock { accounts -> Int? in
            var key = Key(kind: kind, user: caller.peer?.user)
            if accounts[key] == nil, accounts.count >= Self.maximumAccounts { key = Key(kind: kind, user: nil) }
            let name = key.user == nil ? "other users" : PeerCredentials.userName(caller.peer)
            return accounts[key, default: Account(budget: ReportBudget(maximum: kind.maximum), name: name)].budget
                .admit(at: now)
        }
        guard let untold else { return }
        let line = "audit: \(PeerCredentials.name(caller.peer)), connection \(caller.connection): \(text)"
        write((untold == 0 ? line : "\(line) (and \(untold) other \(kind.words) before it)").visibleOnOneLine)
    }

    /// Tells in sum what was not told of the intervals that are over. To be called now and then, and, without a time, at the end.
    func tellRest(at now: NIODeadline = .distantFuture) {
        let rests = accounts.withLock { accounts -> [(Kind, String, Int)] in
            let over = accounts.filter { $0.value.budget.isOver(at: now) }
            for key in over.keys { accounts[key] = nil }
            return over.map { ($0.key.kind, $0.value.name, $0.value.budget.untold) }.filter { $0.2 > 0 }
        }
        for (kind, name, count) in rests { write("audit: \(name): \(count) more \(kind.words)".visibleOnOneLine) }
    }
}
