// Owns: what recovery writes.
//
//  * Nothing at first but the names themselves: where the process died and the machine did not, a name that is seen may
//    be in memory alone, and must be durable before a record is acknowledged, or a file removed, on the strength of it.
//  * Files that cannot be read, and the bytes of a torn write, go to the quarantine; leftovers go.
//  * Only the newest segment is ever cut, and only above what is known to have been durable.
//  * A last frame that no later one proves durable is moved to a new segment before it is trusted: after a failed sync the
//    page cache may show what the disk does not hold, and sectors that have failed are not asked again. The old segment
//    ends before the base of the new one, whatever stands there.
//  * Appends go on in the newest segment, unless it has damage or another size than is configured: then it is closed as it
//    is, and a new one is begun behind it.
//  * On a full disk all this works as far as it needs no room; without a segment to go on in the log can be read.

internal import Disk

struct LogRepair {
    /// Where appends go on.
    struct Place {
        let segment: RawSegment
        let tail: FileOffset
        /// Whether a marker proves the last frame durable, or there is none.
        let isMarked: Bool
    }

    private let maker: ActiveSegmentMaker
    private let inventory: LogInventory
    private let register: DamageRegister
    private let segmentBytes: Int
    private(set) var notes: [String] = []
    private(set) var tornBytes = 0
    /// All segments as they are now, in the order of their ids.
    private(set) var segments: [any Segment]
    /// Nil where there was no room to begin a segment.
    private(set) var place: Place?

    private var disk: any Disk { maker.disk }
    private var directory: LogDirectory { maker.directory }

    init(_ inventory: LogInventory, maker: ActiveSegmentMaker, register: DamageRegister, segmentBytes: Int) {
        self.inventory = inventory
        self.maker = maker
        self.register = register
        self.segmentBytes = segmentBytes
        segments = inventory.segments
    }

    mutating func run() throws(LogError) {
        try onDisk { () throws(DiskError) in
            try disk.createDirectory(directory.snapshots)
            try disk.createDirectory(directory.quarantine)
            try disk.syncDirectory(directory.data)
            try disk.syncDirectory(directory.log)
        }
        for path in inventory.unreadable { try setAside(path) }
        try onDisk { () throws(DiskError) in
            for path in inventory.leftovers { try disk.remove(path) }
            if !(inventory.leftovers + inventory.unreadable).isEmpty { try disk.syncDirectory(directory.log) }
        }
        for path in inventory.sealedRaw { maker.spares.retire(path) }
        place = try findPlace()
        do throws(LogError) {
            if place == nil { try begin(try maker.prepare(base: inventory.tail.next, for: .recovery)) }
        } catch {
            guard error.isNoSpace else { throw error }
            notes.append("the log can only be read: \(error)")
        }
    }

    /// The newest segment, where it is a raw one.
    private var newest: LogInventory.Raw? {
        inventory.raw.last.flatMap { $0.segment.lastID ?? $0.segment.base >= inventory.tail ? $0 : nil }
    }

    /// Makes the newest segment trustworthy; returns the place where appends go on in it, or in the one that its last
    /// frame has been moved to. Nil where a new one is to be begun.
    private mutating func findPlace() throws(LogError) -> Place? {
        guard let newest else { return nil }
        var isClean = true
        do throws(LogError) {
            try cutTornBytes(of: newest)
        } catch {
            // What cannot be saved is not cut: nothing is appended behind it then.
            guard error.isNoSpace else { throw error }
            notes.append("a torn write stays where it is: \(error)")
            isClean = false
        }
        let isMarked: Bool
        if let frame = newest.outcome.unprovenFrame {
            if try move(frame, of: newest) { return place }
            isMarked = false
        } else {
            isMarked = true
        }
        let outcome = newest.outcome
        guard isClean, outcome.damage.isEmpty, outcome.damagedHeaders.isEmpty, newest.fileBytes == UInt64(segmentBytes)
        else { return nil }
        return Place(segment: newest.segment, tail: outcome.end, isMarked: isMarked)
    }

    private func setAside(_ path: String) throws(LogError) {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        try onDisk { () throws(DiskError) in
            try disk.rename(path, to: "\(directory.quarantine)/\(name)")
            try disk.syncDirectory(directory.quarantine)
        }
    }

    private mutating func cutTornBytes(of raw: LogInventory.Raw) throws(LogError) {
        guard let torn = raw.outcome.torn else { return }
        let file = raw.segment.file
        let bytes = try onDisk { () throws(DiskError) in
            try file.bytes(at: torn.lowerBound, count: torn.upperBound - torn.lowerBound)
        }
        guard let bytes else { return }
        // The checksum makes the name that of these very bytes: a recovery that was cut off and finds half of them zeroed
        // does not write over what the first one saved.
        let name = "\(raw.segment.base)-\(torn.lowerBound)-\(Checksum.crc32(bytes)).torn"
        try maker.spares.withReserve { () throws(LogError) in
            try onDisk { () throws(DiskError) in
                try disk.replaceFile(name, in: directory.quarantine, with: bytes)
            }
        }
        try onDisk { () throws(DiskError) in
            try file.write([UInt8](repeating: 0, count: bytes.count), at: torn.lowerBound)
            try file.sync()
        }
        tornBytes = bytes.count
        notes.append("\(bytes.count) bytes of a torn write were saved to quarantine/\(name)")
    }

    /// Moves the last frame to a new segment, which begins with it. Where there is no room for one, not even the reserve,
    /// the frame is written again where it stands, and false is returned.
    private mutating func move(_ frame: FrameHeader, of raw: LogInventory.Raw) throws(LogError) -> Bool {
        let file = raw.segment.file
        let body = try onDisk { () throws(DiskError) in
            try file.bytes(at: frame.offset + FrameHeader.bytes, count: Int(frame.bodyBytes))
        }
        guard let body else { throw .unreadable(path: file.path, reason: "it has become shorter while it was read") }
        let prepared: ActiveSegmentMaker.Prepared
        do throws(LogError) {
            prepared = try maker.prepare(moving: frame, body: body)
        } catch {
            guard error.isNoSpace else { throw error }
            try onDisk { () throws(DiskError) in
                try file.write(frame.encoded(raw.segment.header.identity) + body, at: frame.offset)
                try file.sync()
            }
            return false
        }
        segments.removeLast()
        if raw.segment.base < frame.firstID {
            let rest = try TailScanner.scan(file, header: raw.segment.header, nextBase: frame.firstID)
            segments.append(
                RawSegment(
                    file: file,
                    header: raw.segment.header,
                    register: register,
                    table: rest.table,
                    damage: rest.damage
                )
            )
        }
        try begin(prepared)
        return true
    }

    private mutating func begin(_ prepared: ActiveSegmentMaker.Prepared) throws(LogError) {
        let segment = try maker.activate(prepared, register: register)
        // An empty segment, whose name the new one has taken: opened with another size than is configured.
        if segments.last?.base == segment.base { segments.removeLast() }
        segments.append(segment)
        place = Place(segment: segment, tail: prepared.tail, isMarked: true)
    }
}
