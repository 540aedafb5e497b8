// Owns: the filter that lets a reader skip a segment which lacks a key: a Bloom filter of ten bits a key and seven
// probes (about 0.8 % false positives), probed by double hashing of the key's 64-bit hash.
//
//      0  8  bit count, then the bits, least significant first
//
// One that would be larger than a page is cut into parts, each a filter by itself, so that a look-up reads 4 KiB and not all.
// The upper half of a key's hash says which.

struct KeyFilter: Sendable {
    fileprivate static let bitsPerKey = 10
    private static let probes = 7

    private var words: [UInt8]
    private let bitCount: UInt64

    init(keyCount: Int) {
        self.init(bytes: (max(64, keyCount * Self.bitsPerKey) + 7) / 8)
    }

    fileprivate init(bytes: Int) {
        bitCount = UInt64(bytes * 8)
        words = Array(repeating: 0, count: bytes)
    }

    init?(_ bytes: [UInt8]) {
        guard bytes.count > 8 else { return nil }
        bitCount = bytes.withUnsafeBytes { $0.littleEndian(at: 0) }
        words = Array(bytes[8...])
        guard bitCount == UInt64(words.count) * 8 else { return nil }
    }

    func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendLittleEndian(bitCount)
        return bytes + words
    }

    mutating func insert(_ key: UnsafeRawBufferPointer) {
        insert(hash: KeyHash.hash(key))
    }

    mutating func insert(hash: UInt64) {
        for probe in 0..<Self.probes {
            let bit = bit(probe, of: hash)
            words[Int(bit / 8)] |= 1 << UInt8(bit % 8)
        }
    }

    func mayContain(_ key: UnsafeRawBufferPointer) -> Bool {
        mayContain(hash: KeyHash.hash(key))
    }

    func mayContain(hash: UInt64) -> Bool {
        (0..<Self.probes).allSatisfy { probe in
            let bit = bit(probe, of: hash)
            return words[Int(bit / 8)] & 1 << UInt8(bit % 8) != 0
        }
    }

    private func bit(_ probe: Int, of hash: UInt64) -> UInt64 {
        (hash & 0xFFFF_FFFF &+ UInt64(probe) &* (hash >> 32 | 1)) % bitCount
    }
}

/// How a filter is cut into parts of one size.
struct FilterParts: Sendable {
    /// Of a part, its bit count included: with its block's header that is a page.
    static let partBytes = 4096 - SealedBlockHeader.bytes
    /// A filter of no more keys is not cut.
    static let keysPerPart = (partBytes - 8) * 8 / KeyFilter.bitsPerKey

    private(set) var parts: [KeyFilter]

    /// Empty parts for so many keys.
    init(keyCount: Int) {
        let count = max(1, (keyCount + Self.keysPerPart - 1) / Self.keysPerPart)
        parts = Array(repeating: KeyFilter(bytes: Self.partBytes - 8), count: count)
    }

    /// Parts as they were read, at least one.
    init(_ parts: [KeyFilter]) { self.parts = parts }

    static func part(of hash: UInt64, among count: Int) -> Int { Int(((hash >> 32) * UInt64(count)) >> 32) }

    mutating func insert(hash: UInt64) { parts[Self.part(of: hash, among: parts.count)].insert(hash: hash) }

    func mayContain(_ key: UnsafeRawBufferPointer) -> Bool {
        let hash = KeyHash.hash(key)
        return parts[Self.part(of: hash, among: parts.count)].mayContain(hash: hash)
    }
}
