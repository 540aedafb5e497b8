// Owns: the bytes of one simulated file: what is on the platter, what the page cache shows, and, sector by sector, what
// stands between the two.
// Refuses to know: names, faults, when a crash comes.

/// A file's durable bytes and the writes that have not been synced.
struct SimulatedBytes: Sendable {
    private static let sectorBytes = SimulatedDisk.sectorBytes

    /// What reads see.
    private(set) var current: [UInt8] = []
    /// What a crash leaves if nothing else has reached the disk.
    private var durable: [UInt8] = []
    /// Whether the file was truncated since the last sync: a crash may bring the durable bytes back as a whole.
    private var isTruncated = false
    /// Every unsynced write, oldest first. Of each sector a disk may have stopped at any of them.
    private var unsynced: [(start: Int, bytes: [UInt8])] = []
    /// Sectors that cannot be read until they are written anew as a whole, which is when a disk puts others in their place.
    private var unreadable: Set<Int> = []

    mutating func truncate() {
        current = []
        unsynced = []
        unreadable = []
        isTruncated = true
    }

    /// Writes the first `count` bytes of the pieces.
    mutating func write(_ pieces: [UnsafeRawBufferPointer], count: Int, at offset: Int) {
        guard count > 0 else { return }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        for piece in pieces { bytes += piece.prefix(count - bytes.count) }
        Self.put(bytes[...], at: offset, into: &current)
        unsynced.append((offset, bytes))
        if !unreadable.isEmpty { unreadable.subtract(Self.wholeSectors(of: offset..<offset + count)) }
    }

    /// Writes what is unsynced, and only that: what a failed sync has left in the page cache counts as written.
    mutating func sync() {
        if isTruncated { durable = [] }
        for write in unsynced { Self.put(write.bytes[...], at: write.start, into: &durable) }
        isTruncated = false
        unsynced = []
    }

    /// What a failed sync leaves: of the unsynced pages some have reached the disk, the others never will. The page cache
    /// goes on showing them where `isCacheKept`, as ext4 and XFS do; otherwise reads see what the disk holds, as with
    /// Btrfs.
    mutating func failSync(isCacheKept: Bool, _ random: inout SeededRandom) {
        settle(&random)
        if !isCacheKept { current = durable }
    }

    /// Leaves what a crash may leave.
    mutating func crash(_ random: inout SeededRandom) {
        settle(&random)
        current = durable
    }

    /// Lets chance say what has reached the disk, and forgets the rest: each unsynced sector in any of its versions, the
    /// old one included; any size that the file has had since the last sync.
    private mutating func settle(_ random: inout SeededRandom) {
        if isTruncated, Bool.random(using: &random) { durable = [] } else if isTruncated { unsynced = [] }
        let size = anySize(&random)
        // A whole write often reaches the disk, or no part of it does; without a bias either would hardly ever happen.
        let mood = Int.random(in: 0..<4, using: &random)
        var stops: [Int: Int] = [:]
        for (number, write) in unsynced.enumerated() {
            for sector in Self.sectors(of: write.start..<write.start + write.bytes.count) {
                let stop =
                    stops[sector]
                    ?? (mood == 0 ? 0 : mood == 1 ? .max : Int.random(in: 0...unsynced.count, using: &random))
                stops[sector] = stop
                guard number < stop else { continue }
                let start = max(write.start, sector * Self.sectorBytes)
                let end = min(write.start + write.bytes.count, (sector + 1) * Self.sectorBytes, size)
                if start < end {
                    Self.put(write.bytes[start - write.start..<end - write.start], at: start, into: &durable)
                }
            }
        }
        if durable.count < size { durable += [UInt8](repeating: 0, count: size - durable.count) }
        isTruncated = false
        unsynced = []
    }

    /// The size is written apart from the bytes, after any of the writes that have changed it.
    private func anySize(_ random: inout SeededRandom) -> Int {
        var sizes = [durable.count]
        for write in unsynced { sizes.append(max(sizes[sizes.count - 1], write.start + write.bytes.count)) }
        switch Int.random(in: 0..<4, using: &random) {
        case 0, 1: return sizes[sizes.count - 1]
        case 2: return durable.count
        default: return sizes[Int.random(in: sizes.indices, using: &random)]
        }
    }

    // MARK: Damage at rest

    /// Changes bytes on the disk and in what reads see.
    mutating func damage(at offset: Int, with bytes: some Collection<UInt8>) {
        for (place, byte) in zip(offset..., bytes) {
            current[place] = byte
            if place < durable.count { durable[place] = byte }
        }
    }

    mutating func makeUnreadable(_ range: Range<Int>) {
        unreadable.formUnion(Self.sectors(of: range))
    }

    /// The file as if it had been cut on the disk.
    mutating func cut(to size: Int) {
        current.removeLast(current.count - size)
        durable = current
        unsynced = []
    }

    /// The file as if these bytes had been copied over it.
    mutating func replace(with bytes: [UInt8]) {
        current = bytes
        durable = bytes
        unsynced = []
    }

    /// How many bytes can be read from `offset` on, up to `count`; nil where the very first cannot.
    func readable(_ count: Int, at offset: Int) -> Int? {
        let count = max(0, min(count, current.count - offset))
        guard count > 0, !unreadable.isEmpty,
            let bad = Self.sectors(of: offset..<offset + count).first(where: unreadable.contains)
        else { return count }
        return bad * Self.sectorBytes > offset ? bad * Self.sectorBytes - offset : nil
    }

    /// Whether a write of these bytes has to read first what it does not cover, and cannot.
    func isWritable(_ range: Range<Int>) -> Bool {
        guard !unreadable.isEmpty, !range.isEmpty else { return true }
        let whole = Self.wholeSectors(of: range)
        return !Self.sectors(of: range).contains { !whole.contains($0) && unreadable.contains($0) }
    }

    private static func sectors(of range: Range<Int>) -> ClosedRange<Int> {
        range.lowerBound / sectorBytes...(range.upperBound - 1) / sectorBytes
    }

    private static func wholeSectors(of range: Range<Int>) -> Range<Int> {
        let first = (range.lowerBound + sectorBytes - 1) / sectorBytes
        return first..<max(first, range.upperBound / sectorBytes)
    }

    private static func put(_ bytes: ArraySlice<UInt8>, at offset: Int, into file: inout [UInt8]) {
        let end = offset + bytes.count
        if file.count < end { file += [UInt8](repeating: 0, count: end - file.count) }
        file.withUnsafeMutableBytes { file in
            bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: file[offset..<end]).copyMemory(from: $0) }
        }
    }
}
