// Owns: zlib streams in memory. Inflation goes into a buffer of the size that was promised, so that a zip bomb costs no
// more than it announced; and no stream is believed that announces more than zlib can make of it.

internal import CZlib

package enum Compression {
    /// The most bytes that a stream's byte inflates to: a match of 258 bytes takes two bits.
    package static let maximumRatio = 1032

    /// A zlib stream (RFC 1950) of the bytes; `level` 1 (fast) to 9 (small).
    package static func deflate(_ bytes: [UInt8], level: Int) -> [UInt8] {
        let bound = Int(compressBound(UInt(bytes.count)))
        return [UInt8](unsafeUninitializedCapacity: bound) { buffer, initialized in
            var length = UInt(bound)
            let status = compress2(buffer.baseAddress, &length, bytes, UInt(bytes.count), Int32(level))
            // compressBound is zlib's promise; only memory exhaustion is left, which the process cannot survive anyway.
            precondition(status == Z_OK, "deflate failed with status \(status)")
            initialized = Int(length)
        }
    }

    /// The bytes of a zlib stream that must inflate to exactly `count` bytes and end there; nil otherwise.
    package static func inflate(_ bytes: UnsafeRawBufferPointer, count: Int) -> [UInt8]? {
        guard count <= bytes.count * maximumRatio else { return nil }
        var complete = false
        let inflated = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            var length = UInt(count)
            var consumed = UInt(bytes.count)
            let source = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            let status = uncompress2(buffer.baseAddress, &length, source, &consumed)
            complete = status == Z_OK && Int(length) == count && Int(consumed) == bytes.count
            initialized = complete ? count : 0
        }
        return complete ? inflated : nil
    }
}
