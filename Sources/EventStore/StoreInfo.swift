// Owns: the figures a store gives of itself.

import Disk
package import EventModel
package import SegmentLog

package struct StoreInfo: Sendable {
    package enum State: String, Sendable {
        case ok
        /// Some ids cannot be read.
        case degraded
        /// No more appends.
        case failed
    }

    package let state: State
    package let storeUUID: String
    package let firstID: EventID
    package let lastID: EventID
    package let log: SegmentLog.Statistics
    package let damage: [ClosedRange<EventID>]
    package let subscriptions: Int
    package let projections: [ProjectionStatus]
}

extension EventStore {
    package var info: StoreInfo {
        let view = log.view
        return StoreInfo(
            state: appendFailure != nil ? .failed : view.damage.isEmpty ? .ok : .degraded,
            storeUUID: EventUUID(bytes: log.store.store.bytes).description,
            firstID: EventID(view.first),
            lastID: EventID(view.tail),
            log: log.statistics,
            damage: view.damage.map { EventID($0.lowerBound)...EventID($0.upperBound) },
            subscriptions: subscriptionCount,
            projections: projectionStatuses()
        )
    }

    /// Checks the log in a directory that no daemon uses, without changing a byte of it.
    package static func verify(
        directory: String,
        progress: (Double) -> Bool = { _ in true }
    ) throws(OpenError) -> VerificationReport {
        do {
            return try SegmentLog.openReadOnly(PosixDisk(), directory: LogDirectory(directory))
                .log.verify(progress: progress)
        } catch {
            throw .log(error)
        }
    }
}
