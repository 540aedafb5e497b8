// Owns: the records of one group commit, before they have a place: what goes through the commit seam.
// Refuses to know: segments, offsets, files.

/// The records of one group commit, in order: pieces of staged buffers, with the first id and the commit time, and behind
/// them the store's own.
///
/// A frame is self-contained: whoever applies the same frames in the same order to an empty log has the same log.
package struct CommitFrame: Sendable {
    /// Some whole records of one buffer.
    package struct Piece: Sendable {
        package let buffer: RecordBuffer
        package fileprivate(set) var range: Range<Int>
        fileprivate(set) var records: Int
    }

    /// What the store itself has to say; it has its place in the order of all such when it is committed.
    struct Control: Sendable {
        let subject: [UInt8]
        let payload: [UInt8]
    }

    package let firstID: RecordID
    /// The commit time, which never runs backwards.
    package let recordedAt: RecordTime
    /// What the clock said, which may: the time of records that bring none.
    package let clock: RecordTime
    package private(set) var pieces: [Piece] = []
    private(set) var controls: [Control] = []
    /// Of records with an id of their own.
    package private(set) var recordCount = 0
    /// Of all records.
    package private(set) var byteCount = 0

    /// Without `clock` the clock said the commit time.
    package init(firstID: RecordID, recordedAt: RecordTime, clock: RecordTime? = nil) {
        self.firstID = firstID
        self.recordedAt = recordedAt
        self.clock = clock ?? recordedAt
    }

    /// The id that the next record added will have.
    package var nextID: RecordID {
        firstID.advanced(by: recordCount)
    }

    /// Gives `body` the body and the time of a record that has not been committed, the time nil where it is to be that of the
    /// commit; nil where the frame has no such record.
    package func withRecord<Result>(
        _ id: RecordID,
        _ body: (UnsafeRawBufferPointer, RecordTime?) -> Result
    ) -> Result? {
        guard id >= firstID, id < nextID else { return nil }
        var next = firstID
        for piece in pieces {
            let behind = next.advanced(by: piece.records)
            if id < behind { return piece.buffer.withRecord(Int(id.rawValue - next.rawValue), in: piece.range, body) }
            next = behind
        }
        return nil
    }

    package var isEmpty: Bool { recordCount == 0 && controls.isEmpty }

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

    /// Adds a control record, which comes after all events of the frame. `subject` has 1 to 256 bytes.
    package mutating func addControl(subject: [UInt8], payload: [UInt8]) {
        precondition((1...RecordBody.maximumKeyBytes).contains(subject.count), "a subject is a key")
        controls.append(Control(subject: subject, payload: payload))
        byteCount += ControlRecord.bytes(subject: subject, payload: payload)
    }
}
