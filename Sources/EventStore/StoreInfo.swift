// Owns: the figures a store gives of itself.

import Disk
package import EventModel
import EventRecords
package import SegmentLog

package struct StoreInfo: Sendable {
    package enum State: String, Sendable {
        case ok
        /// Some ids cannot be read.
        case degraded
        /// Appends are refused until there is space; everything else goes on.
        case full
        /// No more appends.
        case failed
    }

    package let state: State
    package let storeUUID: String
    package let firstID: EventID
    package let lastID: EventID
    package let log: SegmentLog.Statistics
    package let damage: [ClosedRange<EventID>]
    /// Appends were refused for want of space, and there is none yet.
    package let isFull: Bool
    /// Bytes of the disk: free, to be kept free by new segments, held back for recovery and upkeep.
    package let freeBytes: UInt64
    package let keepFreeBytes: UInt64
    package let reserveBytes: UInt64
    package let scrub: ScrubStatus
    package let subscriptions: Int
    package let projections: [ProjectionStatus]
}

extension EventStore {
    package var info: StoreInfo {
        let view = log.view
        let damage = log.damage
        let isFull = log.shortage != nil
        return StoreInfo(
            state: appendFailure != nil ? .failed : !damage.isEmpty ? .degraded : isFull ? .full : .ok,
            storeUUID: EventUUID(bytes: log.store.store.bytes).description,
            firstID: EventID(view.first),
            lastID: EventID(view.tail),
            log: log.statistics,
            damage: damage.map { EventID($0.lowerBound)...EventID($0.upperBound) },
            isFull: isFull,
            freeBytes: (try? log.freeBytes()) ?? 0,
            keepFreeBytes: log.options.keepFreeBytes,
            reserveBytes: log.reserveBytes,
            scrub: scrubber.status,
            subscriptions: subscriptionCount,
            projections: projectionStatuses()
        )
    }
}
