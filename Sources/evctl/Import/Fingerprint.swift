// Owns: a number that stands for all lines read so far, so that the same count of other lines is told apart. It guards
// against a mix-up of files, not against malice.

struct Fingerprint: Equatable {
    private(set) var value: UInt64 = 0

    init() {}

    init(value: UInt64) {
        self.value = value
    }

    /// Adds one piece; where a piece ends counts.
    mutating func add(_ piece: ArraySlice<UInt8>) {
        piece.withUnsafeBytes { bytes in
            var offset = 0
            while offset + 8 <= bytes.count {
                mix(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
                offset += 8
            }
            var last = UInt64(bytes.count) << 56
            for index in offset..<bytes.count { last |= UInt64(bytes[index]) << UInt64(8 * (index - offset)) }
            mix(last)
        }
    }

    private mutating func mix(_ word: UInt64) {
        value = (value ^ word) &* 0x9E37_79B9_7F4A_7C15
        value ^= value >> 29
    }
}
