// Owns: the keys of a page, or of many, as they are unpacked to be gone through: in three arrays, however many there are.

/// Keys in order, with what is known of each.
struct KeyList {
    private struct Entry {
        let keyEnd: Int
        let blocksEnd: Int
        let records: Int
    }

    private var bytes: [UInt8] = []
    private var blocks: [UInt32] = []
    private var entries: [Entry] = []

    var count: Int { entries.count }

    mutating func append(_ key: UnsafeRawBufferPointer, records: Int, blocks: [UInt32]) {
        bytes.append(contentsOf: key)
        self.blocks.append(contentsOf: blocks)
        finish(records)
    }

    /// Appends all that a page says.
    mutating func append(_ page: KeyPage) {
        page.forEachEncoded { shared, suffix, records, listed, list in
            let previous = entries.count < 2 ? 0 : entries[entries.count - 2].keyEnd
            for offset in 0..<shared { bytes.append(bytes[previous + offset]) }
            bytes.append(contentsOf: suffix)
            if listed == 0 { blocks.append(contentsOf: 0..<UInt32(page.blockCount)) }
            var block: UInt32 = 0
            for _ in 0..<listed {
                block += UInt32(list.varint())
                blocks.append(block)
            }
            finish(records)
        }
    }

    private mutating func finish(_ records: Int) {
        entries.append(Entry(keyEnd: bytes.count, blocksEnd: blocks.count, records: records))
    }

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        blocks.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
    }

    func records(at index: Int) -> Int { entries[index].records }

    func withKey<Result>(at index: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let start = index == 0 ? 0 : entries[index - 1].keyEnd
        return bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[start..<entries[index].keyEnd])) }
    }

    func blocks(at index: Int) -> ArraySlice<UInt32> {
        blocks[(index == 0 ? 0 : entries[index - 1].blocksEnd)..<entries[index].blocksEnd]
    }
}
