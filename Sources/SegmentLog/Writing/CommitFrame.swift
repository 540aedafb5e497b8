// Owns: the records of one group commit, before they have a place: what goes through the commit seam.
// Refuses to know: segments, offsets, files.

/// The records of one group commit, in order: pieces of staged buffers, with the first id and the commit time.
///
/// A frame is self-contained: whoever applies the same frames in the same order to an empty log has the same log.
package struct CommitFrame: Sendable {
    /// Some whole records of one buffer.
    package struct Piece: Sendable {
        package let buffer: RecordBuffer
        package fileprivate(set) var range: Range<Int>
        fileprivate(set) var records: Int
    }

    package let firstID: RecordID
    package let recordedAt: RecordTime
    package private(set) var pieces: [Piece] = []
    package private(set) var recordCount = 0
    package private(set) var byteCount = 0

    package init(firstID: RecordID, recordedAt: RecordTime) {
        self.firstID = firstID
        self.recordedAt = recordedAt
    }

    /// The id that the next record added will have.
    package var nextID: RecordID {
        firstID.advanced(by: recordCount)
    }

    /// Adds whole records of a buffer; pieces that lie side by side become one.
    package mutating func add(_ buffer: RecordBuffer, _ range: Range<Int>, records: Int) {
        guard !range.isEmpty else { return }
        recordCount += records
        byteCount += range.count
        if let last = pieces.last, last.buffer === buffer, last.range.upperBound == range.lowerBound {
            pieces[pieces.count - 1].range = last.range.lowerBound..<range.upperBound
            pieces[pieces.count - 1].records += records
        } else {
            pieces.append(Piece(buffer: buffer, range: range, records: records))
        }
    }
}
