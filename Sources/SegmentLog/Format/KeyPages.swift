// Owns: the keys of a segment with their blocks, in sorted pages of about 4 KiB, and the directory that says
// which page a key would stand on. A look-up inflates the directory and one page.
//
// A page is a sequence of entries; within it, each key shares a prefix with the one before:
//
//     varint  bytes shared with the key before
//     varint  further bytes, and these bytes
//     varint  records that have the key
//     varint  blocks that hold it, or zero for every block of the segment
//     varint  per block: its index minus the one before (the first: its index)
//
// The directory is a sequence of: varint offset of the page's block, varint content bytes, varint raw bytes, varint
// length of the page's first key, and the key.

internal import Disk

struct KeyPageBuilder {
    static let pageBytes = 4 << 10

    private(set) var bytes: [UInt8] = []
    private(set) var firstKey: [UInt8] = []
    private(set) var entryCount = 0
    private var previousKey: [UInt8] = []

    var isFull: Bool { bytes.count >= Self.pageBytes }

    mutating func add(_ key: UnsafeRawBufferPointer, blocks: [UInt32], records: Int, blockCount: Int) {
        if entryCount == 0 { firstKey = Array(key) }
        let limit = min(previousKey.count, key.count)
        var shared = 0
        while shared < limit, previousKey[shared] == key[shared] { shared += 1 }
        let rest = UnsafeRawBufferPointer(rebasing: key[shared...])
        bytes.appendVarint(UInt64(shared))
        bytes.appendVarint(UInt64(rest.count))
        bytes.append(contentsOf: rest)
        bytes.appendVarint(UInt64(records))
        if blocks.count == blockCount {
            bytes.appendVarint(0)
        } else {
            bytes.appendVarint(UInt64(blocks.count))
            var previous: UInt32 = 0
            for block in blocks {
                bytes.appendVarint(UInt64(block - previous))
                previous = block
            }
        }
        previousKey.removeLast(previousKey.count - shared)
        previousKey.append(contentsOf: rest)
        entryCount += 1
    }

    /// Begins the next page.
    mutating func clear() {
        bytes.removeAll(keepingCapacity: true)
        previousKey.removeAll(keepingCapacity: true)
        entryCount = 0
    }
}

/// What a page says of one key.
struct KeyEntry: Sendable {
    let recordCount: Int
    let blocks: [UInt32]
}

/// One page, found whole: its entries end where it does, its keys ascend, and so do the blocks of each, which the segment
/// has, as it has the records of each.
struct KeyPage: Sendable {
    private let bytes: [UInt8]
    let blockCount: Int

    /// Nil where the page is malformed, or is of more blocks or records than there are.
    init?(_ bytes: [UInt8], blockCount: Int, recordCount: UInt64) {
        self.bytes = bytes
        self.blockCount = blockCount
        guard bytes.withUnsafeBytes({ Self.isWhole($0, blockCount, recordCount) }) else { return nil }
    }

    /// Whether the keys ascend, and so do the blocks of each. A look-up unpacks a page in each segment that has the key: so the key
    /// is followed in bytes that are at hand, and nothing is allocated.
    private static func isWhole(_ buffer: UnsafeRawBufferPointer, _ blockCount: Int, _ recordCount: UInt64) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: RecordBody.maximumKeyBytes, alignment: 1) { key in
            var reader = ByteReader(buffer)
            var length = 0
            while reader.remaining > 0 {
                let shared = Int(clamping: reader.varint())
                let suffix = reader.take(reader.count())
                guard follows(shared, suffix, UnsafeRawBufferPointer(rebasing: key[..<length])) else { return false }
                UnsafeMutableRawBufferPointer(rebasing: key[shared...]).copyMemory(from: suffix)
                length = shared + suffix.count
                guard reader.varint() <= recordCount, skipBlocks(reader.varint(), of: blockCount, &reader),
                    !reader.failed
                else { return false }
            }
            return true
        }
    }

    /// Whether a key that shares so many bytes with the one before it can follow that: keys ascend, and share no more than is said,
    /// where the first bytes that they do not share do.
    private static func follows(_ shared: Int, _ suffix: UnsafeRawBufferPointer, _ previous: UnsafeRawBufferPointer)
        -> Bool
    {
        guard let next = suffix.first, shared <= previous.count,
            shared + suffix.count <= RecordBody.maximumKeyBytes
        else { return false }
        return shared == previous.count || previous[shared] < next
    }

    /// What the page says of a key; nil where it has it not.
    ///
    /// Whether an entry's key comes before the one looked for is mostly told by how much it shares with the key before, so
    /// that few keys are looked at.
    func entry(of key: UnsafeRawBufferPointer) -> KeyEntry? {
        bytes.withUnsafeBytes { buffer in
            var reader = ByteReader(buffer)
            // How much the last key looked at shares with the one looked for, which it comes before.
            var matching = 0
            while reader.remaining > 0 {
                let shared = Int(clamping: reader.varint())
                let suffix = reader.take(reader.count())
                let records = reader.varint()
                let listed = reader.varint()
                if shared < matching { return nil }
                if shared == matching {
                    let rest = UnsafeRawBufferPointer(rebasing: key[matching...])
                    let limit = min(suffix.count, rest.count)
                    var common = 0
                    while common < limit, suffix[common] == rest[common] { common += 1 }
                    if common == rest.count {
                        guard common == suffix.count else { return nil }
                        return entry(records, listed, reader)
                    }
                    guard common == suffix.count || suffix[common] < rest[common] else { return nil }
                    matching += common
                }
                for _ in 0..<listed { _ = reader.varint() }
            }
            return nil
        }
    }

    /// Visits the entries in order until `visit` returns false.
    func forEach(_ visit: (_ key: [UInt8], _ entry: () -> KeyEntry) -> Bool) {
        bytes.withUnsafeBytes { buffer in
            var reader = ByteReader(buffer)
            var key: [UInt8] = []
            while reader.remaining > 0 {
                let shared = Int(clamping: reader.varint())
                let suffix = reader.take(reader.count())
                key.removeLast(key.count - shared)
                key.append(contentsOf: suffix)
                let records = reader.varint()
                let listed = reader.varint()
                let list = reader
                for _ in 0..<listed { _ = reader.varint() }
                if !visit(key, { entry(records, listed, list) }) { return }
            }
        }
    }

    /// Visits the entries as they are encoded; `list` stands before the differences of so many blocks, and is to be read to their end.
    func forEachEncoded(
        _ visit: (
            _ shared: Int, _ suffix: UnsafeRawBufferPointer, _ records: Int, _ listed: UInt64, _ list: inout ByteReader
        ) -> Void
    ) {
        bytes.withUnsafeBytes { buffer in
            var reader = ByteReader(buffer)
            while reader.remaining > 0 {
                let shared = Int(clamping: reader.varint())
                let suffix = reader.take(reader.count())
                let records = Int(clamping: reader.varint())
                let listed = reader.varint()
                visit(shared, suffix, records, listed, &reader)
            }
        }
    }

    private func entry(_ records: UInt64, _ listed: UInt64, _ list: ByteReader) -> KeyEntry {
        KeyEntry(
            recordCount: Int(clamping: records),
            blocks: listed == 0 ? Array(0..<UInt32(blockCount)) : Self.blocks(listed, list)
        )
    }

    /// False where the blocks of a key do not ascend, or are not the segment's.
    private static func skipBlocks(_ listed: UInt64, of blockCount: Int, _ reader: inout ByteReader) -> Bool {
        var next: UInt64 = 0
        var position: UInt64 = 0
        while position < listed {
            defer { position += 1 }
            let step = reader.varint()
            guard !reader.failed, step <= UInt64(blockCount), step > 0 || position == 0 else { return false }
            next += step
            guard next < blockCount else { return false }
        }
        return true
    }

    private static func blocks(_ listed: UInt64, _ list: ByteReader) -> [UInt32] {
        var list = list
        var block: UInt32 = 0
        return (0..<listed).map { _ in
            block += UInt32(list.varint())
            return block
        }
    }
}

/// Which page of an index a key would stand on. Held as it is written, with where each entry begins: however many pages there are,
/// reading it makes two arrays.
struct KeyDirectory: Sendable {
    struct Page: Sendable {
        let reference: BlockReference
        let firstKey: [UInt8]
    }

    /// The content of its section.
    private(set) var bytes: [UInt8] = []
    private var starts: [UInt32] = []

    init() {}

    /// Reads the directory of a segment; nil where it is malformed, names pages beyond the file, or is not in order.
    init?(_ bytes: [UInt8], of footer: SealedFooter) {
        self.bytes = bytes
        let isWhole = bytes.withUnsafeBytes { buffer in
            var reader = ByteReader(buffer)
            var last = UnsafeRawBufferPointer(start: nil, count: 0)
            while reader.remaining > 0 {
                starts.append(UInt32(reader.offset))
                let (reference, key) = Self.entry(&reader)
                guard !reader.failed, let reference, reference.lies(within: footer.fileBytes),
                    starts.count == 1 || KeyOrder.precedes(last, key)
                else { return false }
                last = key
            }
            return true
        }
        guard isWhole else { return nil }
    }

    private static func entry(_ reader: inout ByteReader) -> (reference: BlockReference?, key: UnsafeRawBufferPointer) {
        let offset = FileOffset(reader.varint())
        let contentBytes = UInt32(exactly: reader.varint())
        let rawBytes = UInt32(exactly: reader.varint())
        let key = reader.take(reader.count())
        guard let contentBytes, let rawBytes else { return (nil, key) }
        return (BlockReference(offset: offset, contentBytes: contentBytes, rawBytes: rawBytes), key)
    }

    /// What an entry says, which was found whole when it was read.
    func withEntry<Result>(
        _ index: Int,
        _ body: (BlockReference, _ firstKey: UnsafeRawBufferPointer) -> Result
    ) -> Result {
        bytes.withUnsafeBytes { buffer in
            var reader = ByteReader(UnsafeRawBufferPointer(rebasing: buffer[Int(starts[index])...]))
            let (reference, key) = Self.entry(&reader)
            return body(reference ?? BlockReference(), key)
        }
    }

    var pageCount: Int { starts.count }

    /// Names another page, which follows the others.
    mutating func append(_ page: Page) {
        starts.append(UInt32(bytes.count))
        bytes.appendVarint(page.reference.offset.rawValue)
        bytes.appendVarint(UInt64(page.reference.contentBytes))
        bytes.appendVarint(UInt64(page.reference.rawBytes))
        bytes.appendVarint(UInt64(page.firstKey.count))
        bytes += page.firstKey
    }

    /// Where a page lies.
    func page(_ index: Int) -> BlockReference { withEntry(index) { reference, _ in reference } }

    /// The page that holds the key, if any does.
    func page(of key: [UInt8]) -> BlockReference? {
        var low = 0
        var high = pageCount
        key.withUnsafeBytes { key in
            while low < high {
                let middle = (low + high) / 2
                if withEntry(middle, { KeyOrder.precedes(key, $1) }) { high = middle } else { low = middle + 1 }
            }
        }
        return low == 0 ? nil : page(low - 1)
    }
}
