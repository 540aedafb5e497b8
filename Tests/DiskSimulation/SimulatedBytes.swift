// Owns: the bytes of one simulated file: what is on the platter, what the page cache shows, and, sector by sector, what
// stands between the two.
// Refuses to know: names, faults, when a crash comes.

/// A file's durable bytes and the writes that have not been synced.
struct SimulatedBytes: Sendable {
    /// Written whole or not at all; the unit in which a crash tears a write.
    static let sectorBytes = 512

    /// What reads see.
    private(set) var current: [UInt8] = []
    /// What a crash leaves if nothing else has reached the disk.
    private var durable: [UInt8] = []
    /// Whether the file was truncated since the last sync: a crash may bring the durable bytes back as a whole.
    private var isTruncated = false
    /// Every unsynced write, oldest first. Of each sector a disk may have stopped at any of them.
    private var unsynced: [(start: Int, bytes: [UInt8])] = []

    mutating func truncate() {
        current = []
        unsynced = []
        isTruncated = true
    }

    mutating func write(_ pieces: [UnsafeRawBufferPointer], at offset: Int) {
        var bytes: [UInt8] = []
        for piece in pieces { bytes += piece }
        guard !bytes.isEmpty else { return }
        Self.put(bytes[...], at: offset, into: &current)
        unsynced.append((offset, bytes))
    }

    /// Writes what is unsynced, and only that: what a failed sync has left in the page cache counts as written.
    mutating func sync() {
        if isTruncated { durable = [] }
        for write in unsynced { Self.put(write.bytes[...], at: write.start, into: &durable) }
        isTruncated = false
        unsynced = []
    }

    /// What a failed sync leaves: the unsynced pages never reach the disk. The page cache goes on showing them where
    /// `isCacheKept`, as ext4 and XFS do; otherwise reads see the old bytes, as with Btrfs.
    mutating func failSync(isCacheKept: Bool) {
        unsynced = []
        isTruncated = false
        if !isCacheKept { current = durable }
    }

    /// Leaves what a crash may leave: each unsynced sector in any of its versions, the old one included; the old size
    /// or the new.
    mutating func crash(_ random: inout SeededRandom) {
        if isTruncated, Bool.random(using: &random) { durable = [] } else if isTruncated { unsynced = [] }
        let size = Bool.random(using: &random) && !unsynced.isEmpty ? max(durable.count, current.count) : durable.count
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
        current = durable
        isTruncated = false
        unsynced = []
    }

    /// Damage at rest: on the disk and in what reads see.
    mutating func flip(bit: Int, at offset: Int) {
        current[offset] ^= 1 << UInt8(bit)
        if offset < durable.count { durable[offset] ^= 1 << UInt8(bit) }
    }

    /// The file as if it had been cut on the disk.
    mutating func cut(to size: Int) {
        current.removeLast(current.count - size)
        durable = current
        unsynced = []
    }

    private static func sectors(of range: Range<Int>) -> ClosedRange<Int> {
        range.lowerBound / sectorBytes...(range.upperBound - 1) / sectorBytes
    }

    private static func put(_ bytes: ArraySlice<UInt8>, at offset: Int, into file: inout [UInt8]) {
        let end = offset + bytes.count
        if file.count < end { file += [UInt8](repeating: 0, count: end - file.count) }
        file.withUnsafeMutableBytes { file in
            bytes.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: file[offset..<end]).copyMemory(from: $0) }
        }
    }
}
