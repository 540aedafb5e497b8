// Owns: what an index is written from: keys in ascending order, whoever has them in it.

/// What is known of one key, borrowed for the length of a visit.
struct KeyVisit {
    let key: UnsafeRawBufferPointer
    let hash: UInt64
    /// How many records have it.
    let records: Int
    /// The blocks that hold those, ascending.
    let blocks: [UInt32]
}

protocol SortedKeys: ~Copyable {
    /// Calls `visit` with every key in ascending bytewise order.
    func forEachSorted(_ visit: (borrowing KeyVisit) throws(LogError) -> Void) throws(LogError)
}
