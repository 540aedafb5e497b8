// Owns: making a clean store of what can be read of a damaged one.

package import Disk
import EventModel
import EventRecords
package import SegmentLog

extension EventStore {
    /// Copies all events that can be read in `directory`, which no daemon may use, into a new store in `newDirectory`, which
    /// must be missing or empty. Ids, times and bytes stay as they are; ids that are lost are gaps. Nothing is written to
    /// `directory`. Both paths are absolute. Projections are folded anew when the new store is opened: a snapshot from
    /// before the damage would hold events that the log no longer has.
    package static func repair(
        directory: String,
        into newDirectory: String,
        disk: any Disk = PosixDisk(),
        clock: StoreClock = .system,
        progress: (Double) -> Void = { _ in }
    ) throws(OpenError) -> SalvageReport {
        do {
            return try SegmentLog.salvage(
                disk,
                from: LogDirectory(directory),
                into: LogDirectory(newDirectory),
                now: RecordTime(clock.now()),
                progress: progress
            )
        } catch {
            throw .log(error)
        }
    }
}
