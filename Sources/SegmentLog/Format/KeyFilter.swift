// Owns: the filter that lets a reader skip a segment which lacks a key: a Bloom filter of ten bits a key and seven
// probes (about 0.8 % false positives), probed by double hashing of the key's 64-bit hash.
//
//      0  8  bit count, then the bits, least significant first
//
// That of a key file is cut into parts, each a filter by itself, so that a look-up reads 4 KiB of it and not all. The upper
// half of a key's hash says which.

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
enum FilterParts {
    /// Of a part, its bit count included: with its block's header that is a page.
    private static let partBytes = 4096 - SealedBlockHeader.bytes
    private static let keysPerPart = (partBytes - 8) * 8 / KeyFilter.bitsPerKey

    static func count(keyCount: Int) -> Int { max(1, (keyCount + keysPerPart - 1) / keysPerPart) }

    static func part(of hash: UInt64, among count: Int) -> Int { Int((hash >> 32) * UInt64(count) >> 32) }

    static var empty: KeyFilter { KeyFilter(bytes: partBytes - 8) }
}
