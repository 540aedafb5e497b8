// Owns: how much of what costs others one user may have, whatever its connections: subscriptions, how fast they are made, and
// rolls. Connections are counted by Connections.

import EventModel
import NIOCore
import Synchronization

/// May be used from any thread.
final class UserCaps: Sendable {
    /// As they are set; 0 is none.
    private struct Limits {
        let subscriptions: Int
        let subscriptionsPerSecond: Int
        let rollsPerMinute: Int
    }

    private struct Account {
        var subscriptions = 0
        var creations = TokenBucket()
        var rolls = TokenBucket()

        func isIdle(at now: NIODeadline) -> Bool {
            subscriptions == 0 && creations.isFull(at: now) && rolls.isFull(at: now)
        }
    }

    /// From so many on, those that owe nothing are forgotten.
    private static let manyAccounts = 256

    private let limits: Limits
    private let unlimitedUsers: Set<UInt32>
    /// Nil stands for those whom the system does not tell.
    private let accounts = Mutex<[UInt32?: Account]>([:])

    init(_ options: ServerOptions) {
        limits = Limits(
            subscriptions: options.subscriptionsPerUser,
            subscriptionsPerSecond: options.subscriptionsPerSecondPerUser,
            rollsPerMinute: options.rollsPerMinutePerUser
        )
        unlimitedUsers = options.unlimitedUsers
    }

    /// Counts one more subscription, or says why there is to be none.
    func beginSubscription(of user: UInt32?, at now: NIODeadline = .now()) -> StoreError? {
        change(user, at: now) { account in
            if limits.subscriptions > 0, account.subscriptions >= limits.subscriptions {
                return StoreError(
                    .tooBig,
                    "the user has \(account.subscriptions) subscriptions, and limits.subscriptions_per_user is "
                        + "\(limits.subscriptions); end one before the next"
                )
            }
            if let wait = account.creations.take(limits.subscriptionsPerSecond, in: .seconds(1), at: now) {
                return StoreError(
                    .other,
                    "too many subscriptions are made: limits.subscriptions_per_second_per_user is "
                        + "\(limits.subscriptionsPerSecond); come again in \(wait) ms"
                )
            }
            account.subscriptions += 1
            return nil
        }
    }

    func endSubscriptions(_ count: Int, of user: UInt32?) {
        _ = change(user, at: .now()) { account in
            account.subscriptions -= count
            return nil
        }
    }

    /// Counts one more roll, or says why there is to be none.
    func roll(of user: UInt32?, at now: NIODeadline = .now()) -> StoreError? {
        change(user, at: now) { account in
            guard let wait = account.rolls.take(limits.rollsPerMinute, in: .minutes(1), at: now) else { return nil }
            return StoreError(
                .other,
                "too many rolls of one user: limits.rolls_per_minute_per_user is \(limits.rollsPerMinute); "
                    + "come again in \(wait) ms"
            )
        }
    }

    private func change(
        _ user: UInt32?,
        at now: NIODeadline,
        _ body: (inout Account) -> StoreError?
    ) -> StoreError? {
        if let user, unlimitedUsers.contains(user) { return nil }
        return accounts.withLock { accounts in
            if accounts.count >= Self.manyAccounts, accounts[user] == nil {
                accounts = accounts.filter { !$0.value.isIdle(at: now) }
            }
            return body(&accounts[user, default: Account()])
        }
    }
}

/// A bucket of tokens that fills with time: as many at once as it takes in in one interval.
struct TokenBucket {
    /// When it is full again.
    private var isFullAt = NIODeadline.uptimeNanoseconds(0)

    func isFull(at now: NIODeadline) -> Bool { now >= isFullAt }

    /// Takes a token, or says in how many milliseconds there is one. A bucket of none is never empty.
    mutating func take(_ tokens: Int, in interval: TimeAmount, at now: NIODeadline) -> Int64? {
        guard tokens > 0 else { return nil }
        let one = interval.nanoseconds / Int64(tokens)
        let full = max(isFullAt, now)
        let missing = (full - now).nanoseconds - one * Int64(tokens - 1)
        guard missing <= 0 else { return max(missing / 1_000_000, 1) }
        isFullAt = full + .nanoseconds(one)
        return nil
    }
}
