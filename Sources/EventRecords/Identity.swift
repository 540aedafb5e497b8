// Owns: ids and times of the log as those of events, and back: the same numbers, under the names of two layers.

package import EventModel
package import SegmentLog

extension EventID {
    package init(_ id: RecordID) { self.init(id.rawValue) }
}

extension RecordID {
    /// The greatest number is no event's id and has no successor; the one before it bounds as much.
    package init(_ id: EventID) { self.init(min(id.rawValue, .max - 1)) }
}

extension Timestamp {
    package init(_ time: RecordTime) { self.init(nanoseconds: time.rawValue) }
}

extension RecordTime {
    package init(_ time: Timestamp) { self.init(time.nanoseconds) }
}
