// Owns: the checksum of every file: zlib's CRC-32, so that a reader in any language has it at hand.

internal import CDeflate

package enum Checksum {
    /// The CRC-32 of `bytes`, continued from `previous`.
    package static func crc32(_ bytes: UnsafeRawBufferPointer, from previous: UInt32 = 0) -> UInt32 {
        // Nothing at an address of nothing is the question for a first value, to libdeflate.
        guard let start = bytes.baseAddress else { return previous }
        return libdeflate_crc32(previous, start, bytes.count)
    }

    package static func crc32(_ bytes: [UInt8], from previous: UInt32 = 0) -> UInt32 {
        bytes.withUnsafeBytes { crc32($0, from: previous) }
    }
}
