// Owns: the manifest: which segment is the newest, and how far the log had come at the least. The segments themselves say
// everything else; what they cannot say is that one of them, or the end of one, is gone.
//
// It is a witness and no index: it never runs ahead of what is durable, and never decides where the log ends. Where the log
// ends before it, acknowledged records are lost, and their ids are not given again.
//
// The file has 8192 bytes: two slots, at 0 and at 4096, written in turn, so that the newer one counts. Each holds its entry
// twice, at 0 and at 2048 of the slot, written together: a crash in the middle leaves one copy whole, of the old entry or the
// new, and damage to a sector too. So an entry is lost only where more than that has gone. An entry:
//
//      0  8  magic           "EVMANIFS"
//      8  2  version         2
//     10  2  entry bytes     256
//     12  4  crc             CRC-32 of the entry with this field zero
//     16 16  store
//     32  8  sequence        the greater is the newer; a new file has one entry in both slots
//     40 12  features        as in a file header
//     52  1  state           1 at rest: nothing was appended afterwards; 2 in use
//     53  3  zero
//     56  8  tail            the last id that had been given
//     64  8  recorded at     the commit time of the last record
//     72 16  segment         the newest raw segment's id; zero for none
//     88  8  base            its first id
//     96  8  file bytes      its size
//    104  8  durable offset  in it, of what stood for the tail
//    112 16  replaces        the segment of the same base whose place it takes; zero for none
//    128  8  control         the sequence of the last control record
//    136  8  limit           at rest, the last id that can have been given, not below the tail; in use, zero
//    144 112 zero

internal import Disk

/// What the manifest says.
struct ManifestEntry: Equatable, Sendable {
    enum State: UInt8 {
        case atRest = 1
        case inUse = 2
    }

    var state: State
    var tail: RecordID
    var recordedAt: RecordTime
    /// The newest raw segment; zero for none.
    var segment = UniqueID.zero
    var base: RecordID
    var fileBytes: UInt64 = 0
    var durableOffset = FrameHeader.firstOffset
    var replaces = UniqueID.zero
    var controlSequence: UInt64 = 0
    /// Where the segment is at rest, the last id that can have been given, if that is beyond the tail: the segment begins with a
    /// frame that is not counted yet.
    var limit = RecordID.zero

    /// The greatest id that can have been given after this was written: each takes some bytes of the segment.
    var greatestLaterID: RecordID {
        guard state == .inUse, fileBytes > 0 else { return max(tail, limit) }
        return RawCapacity.greatestID(after: tail, from: durableOffset, in: fileBytes)
    }

    /// Whether the log has come further than it can have come after this was written. `newest` is the first id of the last
    /// segment that has a record.
    func isOlder(thanLogUpTo tail: RecordID, newest: RecordID?) -> Bool {
        greatestLaterID < tail || newest.map { base < $0 } ?? false
    }
}

/// How many records a part of a raw segment can hold.
enum RawCapacity {
    /// A raw segment has two pages of headers and one for the trailer, and no more than its records can be counted in.
    static let fileBytes =
        FrameHeader.firstOffset.rawValue + UInt64(RawTrailer.pageBytes)...FrameHeader.maximumEnd.rawValue
    /// The least a record takes.
    private static let leastRecordBytes = UInt64(RecordFormat.headerBytes + 1)

    static func greatestID(after id: RecordID, from offset: FileOffset, in fileBytes: UInt64) -> RecordID {
        let end = RawTrailer.offset(in: max(fileBytes, UInt64(RawTrailer.pageBytes)))
        guard offset < end else { return id }
        return RecordID(id.rawValue + UInt64(end - offset) / leastRecordBytes)
    }
}

/// The manifest of a store, as it lies on the disk.
struct Manifest: Sendable {
    static let name = "manifest"
    static let bytes = 8192
    static let entryBytes = 256
    static let slotBytes = 4096
    static let copyBytes = 2048
    private static let magic = Array("EVMANIFS".utf8)

    /// The newer of the two slots; nil where neither is whole.
    private(set) var entry: ManifestEntry?
    private(set) var sequence: UInt64 = 0
    private(set) var features = FeatureBits()
    /// Which slot that is.
    private(set) var slot = 1
    /// Whether both slots can be read, so that no newer entry can have been lost.
    private(set) var isWhole = true
    /// What is wrong with it, in words.
    private(set) var problems: [String] = []

    /// The file of a new store.
    static func initial(_ store: UniqueID) -> [UInt8] {
        let entry = ManifestEntry(state: .atRest, tail: .zero, recordedAt: .minimum, base: RecordID(1))
        return file(entry, store: store, sequence: 1)
    }

    /// A whole file with one entry, in both slots.
    static func file(_ entry: ManifestEntry, store: UniqueID, sequence: UInt64) -> [UInt8] {
        let slot = slot(entry, store: store, sequence: sequence)
        return slot + slot
    }

    /// A slot with an entry, twice.
    static func slot(_ entry: ManifestEntry, store: UniqueID, sequence: UInt64) -> [UInt8] {
        let bytes = encoded(entry, store: store, sequence: sequence)
        let copy = bytes + [UInt8](repeating: 0, count: copyBytes - bytes.count)
        return copy + copy
    }

    private static func encoded(_ entry: ManifestEntry, store: UniqueID, sequence: UInt64) -> [UInt8] {
        var bytes = magic
        bytes.reserveCapacity(entryBytes)
        bytes.appendLittleEndian(FormatVersion.current)
        bytes.appendLittleEndian(UInt16(entryBytes))
        bytes.appendLittleEndian(UInt32(0))
        bytes += store.bytes
        bytes.appendLittleEndian(sequence)
        FeatureBits().append(to: &bytes)
        bytes += [entry.state.rawValue, 0, 0, 0]
        bytes.appendLittleEndian(entry.tail.rawValue)
        bytes.appendLittleEndian(entry.recordedAt.rawValue)
        bytes += entry.segment.bytes
        bytes.appendLittleEndian(entry.base.rawValue)
        bytes.appendLittleEndian(entry.fileBytes)
        bytes.appendLittleEndian(entry.durableOffset.rawValue)
        bytes += entry.replaces.bytes
        bytes.appendLittleEndian(entry.controlSequence)
        bytes.appendLittleEndian(entry.state == .atRest ? max(entry.tail, entry.limit).rawValue : 0)
        bytes += [UInt8](repeating: 0, count: entryBytes - bytes.count)
        let crc = Checksum.crc32(bytes)
        bytes.withUnsafeMutableBytes { $0.storeLittleEndian(crc, at: 12) }
        return bytes
    }

    /// Reads the manifest of a store. Throws where it is another store's, or a later version's, or must not be read.
    static func read(_ disk: any Disk, _ directory: LogDirectory, store: UniqueID) throws(LogError) -> Manifest {
        var manifest = Manifest()
        let path = directory.manifest
        let file: any DiskFile
        do throws(DiskError) {
            file = try disk.open(path, .read)
        } catch {
            if error.isNotRegularFile { throw .unreadable(path: path, reason: "\(error)") }
            guard error.isMissing else { throw .disk(error) }
            manifest.isWhole = false
            manifest.problems.append("the manifest is missing")
            return manifest
        }
        let size = try onDisk { () throws(DiskError) in try file.size() }
        if size != UInt64(bytes) { manifest.problems.append("the manifest has \(size) bytes instead of \(bytes)") }
        for slot in 0...1 {
            // Each copy for itself: a bad sector costs one of them.
            let copies = try [0, copyBytes].map { copy throws(LogError) -> [UInt8] in
                do throws(DiskError) {
                    return try file.prefix(at: FileOffset(slot * slotBytes + copy), count: copyBytes)
                } catch {
                    guard error.isUnreadableMedium else { throw .disk(error) }
                    return []
                }
            }
            try manifest.take(copies, slot, store: store, path: path)
        }
        return manifest
    }

    /// How far the log has come that a manifest tells of, of whichever store; nil where there is none. Throws where it cannot be
    /// told from one that has seen events.
    static func tail(_ disk: any Disk, _ directory: LogDirectory) throws(LogError) -> RecordID? {
        let path = directory.manifest
        let contents: [UInt8]
        do throws(DiskError) {
            contents = try disk.open(path, .read).prefix(at: FileOffset(0), count: bytes)
        } catch {
            if error.isMissing { return nil }
            throw .disk(error)
        }
        var tail: RecordID?
        for start in stride(from: 0, through: contents.count - entryBytes, by: copyBytes) {
            let page = Array(contents[start..<min(start + copyBytes, contents.count)])
            let store = UniqueID(bytes: Array(page[16..<32]))
            guard let found = try decode(page, store: store, path: path) else { continue }
            tail = max(tail ?? .zero, found.entry.tail)
        }
        guard let tail else {
            throw .unreadable(path: path, reason: "it cannot be read, and there is no \(StoreFile.name) beside it")
        }
        return tail
    }

    private mutating func take(_ copies: [[UInt8]], _ slot: Int, store: UniqueID, path: String) throws(LogError) {
        var isReadable = false
        for copy in copies {
            guard copy.count >= Self.entryBytes, let decoded = try Self.decode(copy, store: store, path: path) else {
                problems.append("a copy in slot \(slot) of the manifest is damaged")
                continue
            }
            isReadable = true
            let isClean = copy.count == Self.copyBytes && copy[Self.entryBytes...].allSatisfy { $0 == 0 }
            if decoded.features.isPlain, !isClean {
                problems.append("bytes that belong to nothing in slot \(slot) of the manifest")
            }
            guard decoded.sequence > sequence else { continue }
            (entry, sequence, features, self.slot) = (decoded.entry, decoded.sequence, decoded.features, slot)
        }
        if !isReadable { isWhole = false }
    }

    private static func decode(
        _ page: [UInt8],
        store: UniqueID,
        path: String
    ) throws(LogError) -> (entry: ManifestEntry, sequence: UInt64, features: FeatureBits)? {
        guard Array(page[..<8]) == magic else { return nil }
        let length = Int(page.withUnsafeBytes { $0.littleEndian(at: 10, as: UInt16.self) })
        guard (entryBytes...page.count).contains(length) else { return nil }
        var bytes = Array(page[..<length])
        let crc = bytes.withUnsafeBytes { $0.littleEndian(at: 12, as: UInt32.self) }
        bytes.replaceSubrange(12..<16, with: [0, 0, 0, 0])
        guard Checksum.crc32(bytes) == crc else { return nil }
        func number<Value: FixedWidthInteger>(at offset: Int) -> Value {
            bytes.withUnsafeBytes { $0.littleEndian(at: offset) }
        }
        func id(at offset: Int) -> UniqueID { UniqueID(bytes: Array(bytes[offset..<offset + 16])) }
        try FormatVersion.require(number(at: 8), path: path)
        let features = bytes.withUnsafeBytes { FeatureBits($0, at: 40) }
        try features.requireReadable(path: path)
        guard id(at: 16) == store else {
            throw .unreadable(path: path, reason: "the manifest belongs to another store")
        }
        guard let state = ManifestEntry.State(rawValue: bytes[52]) else { return nil }
        let entry = ManifestEntry(
            state: state,
            tail: RecordID(number(at: 56)),
            recordedAt: RecordTime(number(at: 64)),
            segment: id(at: 72),
            base: RecordID(number(at: 88)),
            fileBytes: number(at: 96),
            durableOffset: FileOffset(number(at: 104) as UInt64),
            replaces: id(at: 112),
            controlSequence: number(at: 128),
            limit: RecordID(number(at: 136))
        )
        guard entry.tail <= .greatest, entry.limit <= .greatest, entry.base > .zero, entry.base <= .greatest,
            entry.fileBytes <= RawCapacity.fileBytes.upperBound, entry.durableOffset <= FrameHeader.maximumEnd,
            number(at: 32) < ControlRecord.sequences.upperBound,
            entry.controlSequence < ControlRecord.sequences.upperBound
        else { return nil }
        return (entry, number(at: 32), features)
    }
}
