// Owns: a store with one record in it that this version of evstore did not write.

import CraftedRecords
import SegmentLog
import Testing

@testable import EventStore

extension TestStore {
    /// Three events, a record with the body, which has the id 4, and three more events.
    convenience init(reducers: [String: String], around body: [UInt8], segmentIsSealed: Bool) throws {
        try self.init(reducers: reducers)
        append((1...3).map { .numbered($0) })
        close()
        try CraftedRecords.append([body], to: options.directory, options: options.log)
        try restart()
        append((5...7).map { .numbered($0) })
        if segmentIsSealed {
            try roll()
            _ = try store.compact()
            #expect(store.info.log.sealedSegments == 1)
        }
    }
}
