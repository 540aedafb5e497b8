// Owns: the checksum of every file: zlib's CRC-32, so that a reader in any language has it at hand.

internal import CChecksum

package enum Checksum {
    /// The CRC-32 of `bytes`, continued from `previous`.
    package static func crc32(_ bytes: UnsafeRawBufferPointer, from previous: UInt32 = 0) -> UInt32 {
        cchecksum_crc32(previous, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
    }

    package static func crc32(_ bytes: [UInt8], from previous: UInt32 = 0) -> UInt32 {
        bytes.withUnsafeBytes { crc32($0, from: previous) }
    }
}
