// Owns: the keys of a sealed segment with their blocks, in sorted pages of about 16 KiB, and the directory that says
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
// The directory is a sequence of: varint offset of the page's block, varint stream bytes, varint raw bytes, varint
// length of the page's first key, and the key.

internal import Disk

struct KeyPageBuilder {
    static let pageBytes = 16 << 10

    private(set) var bytes: [UInt8] = []
    private(set) var firstKey: [UInt8] = []
    private(set) var entryCount = 0
    private var previousKey: [UInt8] = []

    var isFull: Bool { bytes.count >= Self.pageBytes }

    mutating func add(_ key: UnsafeRawBufferPointer, blocks: [UInt32], records: Int, blockCount: Int) {
        if entryCount == 0 { firstKey = Array(key) }
        let shared = zip(previousKey, key).prefix { $0 == $1 }.count
        bytes.appendVarint(UInt64(shared))
        bytes.appendVarint(UInt64(key.count - shared))
        bytes.append(contentsOf: key[shared...])
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
        previousKey = Array(key)
        entryCount += 1
    }
}

/// What a page says of one key.
struct KeyEntry: Sendable {
    let recordCount: Int
    let blocks: [UInt32]
}

enum KeyPage {
    /// Visits the entries of a page in order until `visit` returns false; false where the page is malformed: a length that
    /// runs past the end, keys that do not ascend, blocks that do not or that the segment does not have.
    static func forEach(
        _ page: [UInt8],
        blockCount: Int,
        _ visit: (_ key: [UInt8], _ entry: () -> KeyEntry) -> Bool
    ) -> Bool {
        page.withUnsafeBytes { buffer in
            var reader = ByteReader(buffer)
            var key: [UInt8] = []
            while reader.remaining > 0 {
                let shared = reader.varint()
                let suffix = reader.take(reader.count())
                guard !reader.failed, shared <= UInt64(key.count) else { return false }
                let previous = key
                key.removeSubrange(Int(shared)...)
                key.append(contentsOf: suffix)
                guard previous.lexicographicallyPrecedes(key) else { return false }
                let records = reader.varint()
                let listed = reader.varint()
                guard !reader.failed, listed <= UInt64(blockCount) else { return false }
                let list = reader
                guard skipBlocks(listed, of: blockCount, &reader) else { return false }
                let goOn = visit(key) {
                    KeyEntry(
                        recordCount: Int(clamping: records),
                        blocks: listed == 0 ? Array(0..<UInt32(blockCount)) : blocks(listed, list)
                    )
                }
                if !goOn { return true }
            }
            return true
        }
    }

    /// False where the blocks of a key do not ascend, or are not the segment's.
    private static func skipBlocks(_ listed: UInt64, of blockCount: Int, _ reader: inout ByteReader) -> Bool {
        var next: UInt64 = 0
        for position in 0..<listed {
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

/// Which page of a sealed segment a key would stand on.
struct KeyDirectory: Sendable {
    struct Page: Sendable {
        let reference: SealedFooter.Reference
        let firstKey: [UInt8]
    }

    var pages: [Page] = []

    init() {}

    /// Reads the directory of a segment; nil where it is malformed, names pages beyond the file, or is not in order.
    init?(_ bytes: [UInt8], of footer: SealedFooter) {
        let complete = bytes.withUnsafeBytes { buffer in
            var reader = ByteReader(buffer)
            while reader.remaining > 0 {
                let offset = reader.varint()
                let streamBytes = reader.varint()
                let rawBytes = reader.varint()
                let key = Array(reader.take(reader.count()))
                guard !reader.failed, let streamBytes = UInt32(exactly: streamBytes),
                    let rawBytes = UInt32(exactly: rawBytes)
                else { return false }
                pages.append(
                    Page(
                        reference: SealedFooter.Reference(
                            offset: FileOffset(offset),
                            streamBytes: streamBytes,
                            rawBytes: rawBytes
                        ),
                        firstKey: key
                    )
                )
            }
            return true
        }
        guard complete, pages.allSatisfy({ $0.reference.lies(within: footer.fileBytes) }),
            zip(pages, pages.dropFirst()).allSatisfy({ $0.firstKey.lexicographicallyPrecedes($1.firstKey) })
        else { return nil }
    }

    func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        for page in pages {
            bytes.appendVarint(page.reference.offset.rawValue)
            bytes.appendVarint(UInt64(page.reference.streamBytes))
            bytes.appendVarint(UInt64(page.reference.rawBytes))
            bytes.appendVarint(UInt64(page.firstKey.count))
            bytes += page.firstKey
        }
        return bytes
    }

    /// The page that holds the key, if any does.
    func page(of key: [UInt8]) -> Page? {
        var low = 0
        var high = pages.count
        while low < high {
            let middle = (low + high) / 2
            if key.lexicographicallyPrecedes(pages[middle].firstKey) { high = middle } else { low = middle + 1 }
        }
        return low == 0 ? nil : pages[low - 1]
    }
}
