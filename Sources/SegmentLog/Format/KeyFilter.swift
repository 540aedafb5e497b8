// Owns: the filter that lets a reader skip a segment which lacks a key: a Bloom filter of ten bits a key and seven
// probes (about 0.8 % false positives), probed by double hashing of the key's 64-bit hash.
//
//      0  8  bit count, then the bits, least significant first

struct KeyFilter: Sendable {
    private static let bitsPerKey = 10
    private static let probes = 7

    private var words: [UInt8]
    private let bitCount: UInt64

    init(keyCount: Int) {
        bitCount = UInt64(max(64, (keyCount * Self.bitsPerKey + 7) / 8 * 8))
        words = Array(repeating: 0, count: Int(bitCount / 8))
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
        for bit in Self.bits(of: key, count: bitCount) {
            words[Int(bit / 8)] |= 1 << UInt8(bit % 8)
        }
    }

    func mayContain(_ key: UnsafeRawBufferPointer) -> Bool {
        Self.bits(of: key, count: bitCount).allSatisfy { words[Int($0 / 8)] & 1 << UInt8($0 % 8) != 0 }
    }

    private static func bits(of key: UnsafeRawBufferPointer, count: UInt64) -> some Sequence<UInt64> {
        let hash = KeyHash.hash(key)
        let first = hash & 0xFFFF_FFFF
        let step = hash >> 32 | 1
        return (0..<UInt64(probes)).lazy.map { (first &+ $0 &* step) % count }
    }
}
