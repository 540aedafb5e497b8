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
    /// Every unsynced version of a sector, oldest first. A disk may have stopped at any of them.
    private var unsynced: [Int: [ArraySlice<UInt8>]] = [:]

    mutating func truncate() {
        current = []
        unsynced = [:]
        isTruncated = true
    }

    mutating func write(_ pieces: [UnsafeRawBufferPointer], at offset: Int) {
        var end = offset
        for piece in pieces where !piece.isEmpty {
            if current.count < end + piece.count {
                current.append(contentsOf: repeatElement(0, count: end + piece.count - current.count))
            }
            current.withUnsafeMutableBytes { bytes in
                UnsafeMutableRawBufferPointer(rebasing: bytes[end..<end + piece.count]).copyMemory(from: piece)
            }
            end += piece.count
        }
        guard end > offset else { return }
        for sector in offset / Self.sectorBytes...(end - 1) / Self.sectorBytes {
            let start = sector * Self.sectorBytes
            unsynced[sector, default: []].append(
                ArraySlice(Array(current[start..<min(start + Self.sectorBytes, current.count)])))
        }
    }

    mutating func sync() {
        durable = current
        isTruncated = false
        unsynced = [:]
    }

    /// What a failed sync leaves: the unsynced pages never reach the disk. The page cache goes on showing them where
    /// `isCacheKept`, as ext4 and XFS do; otherwise reads see the old bytes, as with Btrfs.
    mutating func failSync(isCacheKept: Bool) {
        unsynced = [:]
        isTruncated = false
        if !isCacheKept { current = durable }
    }

    /// Leaves what a crash may leave: each unsynced sector in any of its versions, the old one included; the old size
    /// or the new.
    mutating func crash(_ random: inout SeededRandom) {
        if isTruncated, Bool.random(using: &random) { durable = [] } else if isTruncated { unsynced = [:] }
        let sizes = [durable.count, unsynced.isEmpty ? durable.count : max(durable.count, current.count)]
        let size = sizes[Int.random(in: 0...1, using: &random)]
        durable.append(contentsOf: repeatElement(0, count: size - durable.count))
        // A whole write often reaches the disk, or no part of it does; without a bias either would hardly ever happen.
        let mood = Int.random(in: 0..<4, using: &random)
        for (sector, versions) in unsynced.sorted(by: { $0.key < $1.key }) {
            let kept =
                switch mood {
                case 0: 0
                case 1: versions.count
                default: Int.random(in: 0...versions.count, using: &random)
                }
            let start = sector * Self.sectorBytes
            guard kept > 0, start < size else { continue }
            let bytes = versions[kept - 1].prefix(size - start)
            durable.replaceSubrange(start..<start + bytes.count, with: bytes)
        }
        current = durable
        isTruncated = false
        unsynced = [:]
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
        unsynced = [:]
    }
}
