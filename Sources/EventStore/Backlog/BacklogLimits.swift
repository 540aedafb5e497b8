// Owns: how far the work that follows appends may fall behind them.

import SegmentLog

/// Limits of what waits. Below the soft one, background work gives way to a burst; beyond it, it does so no longer; beyond the hard
/// one appends are slowed, the more the further, so that what waits stays bounded. Zero is no limit.
package struct BacklogLimits: Sendable {
    /// Bytes of records in closed segments that wait to be sealed.
    package var softBytes: UInt64 = 1 << 30
    package var hardBytes: UInt64 = 4 << 30
    /// Events between the tail and a projection that was live before.
    package var softEvents: UInt64 = 1_000_000
    package var hardEvents: UInt64 = 10_000_000

    package init() {}
}

extension BacklogLimits {
    /// Whether more waits to be sealed than a burst is worth, so that sealing is to be fast.
    func isSealingBehind(_ log: SegmentLog) -> Bool { softBytes > 0 && log.statistics.backlogBytes > softBytes }
}
