// Owns: the figures a store gives of itself.

import Disk
package import EventModel
import EventRecords
package import SegmentLog

package struct StoreInfo: Sendable {
    package enum State: String, Sendable {
        case ok
        /// Some ids cannot be read, or a projection has stopped.
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
    package let files: SegmentLog.FileBytes
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
    /// What slows appends at the moment; nil where nothing does.
    package let slowing: Backlog?
    /// For how long appends have been held up by that since the store was opened.
    package let slowed: Duration
    package let backlogLimits: BacklogLimits
}

extension EventStore {
    package var info: StoreInfo {
        let view = log.view
        let damage = log.damage
        let isFull = log.shortage != nil
        let projections = projectionStatuses()
        let slowing = pace.figures
        return StoreInfo(
            state: state(isDamaged: !damage.isEmpty, isFull: isFull, projections),
            storeUUID: uuid.description,
            firstID: EventID(view.first),
            lastID: EventID(view.tail),
            log: log.statistics,
            files: log.fileBytes,
            damage: damage.map { EventID($0.lowerBound)...EventID($0.upperBound) },
            isFull: isFull,
            freeBytes: (try? log.freeBytes()) ?? 0,
            keepFreeBytes: log.options.keepFreeBytes,
            reserveBytes: log.reserveBytes,
            scrub: scrubber.status,
            subscriptions: subscriptionCount,
            projections: projections,
            slowing: slowing.slowing,
            slowed: slowing.delayed,
            backlogLimits: options.backlog
        )
    }

    /// Bytes of all events, uncompressed: names and data.
    package var recordBytes: UInt64 { log.statistics.recordBytes }

    /// The worst that is so.
    private func state(isDamaged: Bool, isFull: Bool, _ projections: [ProjectionStatus]) -> StoreInfo.State {
        if appendFailure != nil { return .failed }
        if isDamaged { return .degraded }
        if isFull { return .full }
        return projections.contains { $0.health.isFaulted } ? .degraded : .ok
    }
}
