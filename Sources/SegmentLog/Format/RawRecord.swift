// Owns: reading the header of one record in a raw segment, and telling whether the record is whole.

/// The header of a record; one that has been found whole where nothing else is said: its checksum matches.
struct RawRecord {
    let bytes: Int
    let id: RecordID
    let time: RecordTime
    let recordedAt: RecordTime
    let crc: UInt32

    /// The length that the record which begins `rest` claims for itself; nil where it cannot be true.
    static func length(_ rest: UnsafeRawBufferPointer) -> Int? {
        guard rest.count > RecordFormat.headerBytes else { return nil }
        let length = Int(rest.littleEndian(at: RecordFormat.lengthOffset, as: UInt32.self))
        return length > RecordFormat.headerBytes && length <= rest.count ? length : nil
    }

    /// Reads the record that begins `rest`; nil where it is damaged or does not end within.
    init?(_ rest: UnsafeRawBufferPointer) {
        guard let length = Self.length(rest) else { return nil }
        self.init(claimedBy: rest)
        guard Checksum.crc32(UnsafeRawBufferPointer(rebasing: rest[4..<length])) == crc else { return nil }
    }

    /// What the header that begins `rest` says, be it true or not.
    init(claimedBy rest: UnsafeRawBufferPointer) {
        crc = rest.littleEndian(at: RecordFormat.crcOffset)
        bytes = Int(rest.littleEndian(at: RecordFormat.lengthOffset, as: UInt32.self))
        id = RecordID(rest.littleEndian(at: RecordFormat.idOffset))
        time = RecordTime(rest.littleEndian(at: RecordFormat.timeOffset))
        recordedAt = RecordTime(rest.littleEndian(at: RecordFormat.recordedAtOffset))
    }
}
