// Owns: zlib streams in memory. Inflation goes into a buffer of the size that was promised, so that a zip bomb costs no
// more than it announced; and no stream is believed that announces more than DEFLATE can make of it.
//
// libdeflate reads and writes the same streams as zlib (RFC 1950), whole ones only, which is all that is needed here: it
// inflates them about 2.5 times, deflates them about 1.5 times as fast, and they come out smaller.

internal import CDeflate

/// Makes zlib streams. One for each thread that writes: its tables take a megabyte or so, and are used again.
package final class Compressor {
    package let level: Int
    private let handle: OpaquePointer

    /// `level` is from 1 (fast) to 9 (small).
    package init(level: Int) {
        precondition((1...9).contains(level), "a level is from 1 to 9")
        guard let handle = libdeflate_alloc_compressor(Int32(level)) else { fatalError("no memory for a compressor") }
        self.level = level
        self.handle = handle
    }

    deinit {
        libdeflate_free_compressor(handle)
    }

    /// What a stream of the level says of itself (FLEVEL of RFC 1950), 0 to 3.
    static func effort(ofLevel level: Int) -> Int {
        switch level {
        case ..<2: 0
        case ..<6: 1
        case ..<8: 2
        default: 3
        }
    }

    /// A zlib stream of the bytes.
    package func deflate(_ bytes: [UInt8]) -> [UInt8] {
        let bound = libdeflate_zlib_compress_bound(handle, bytes.count)
        return [UInt8](unsafeUninitializedCapacity: bound) { buffer, initialized in
            initialized = libdeflate_zlib_compress(handle, bytes, bytes.count, buffer.baseAddress, bound)
            precondition(initialized > 0, "a stream fits into its bound")
        }
    }
}

package enum Compression {
    /// The most bytes that a stream's byte inflates to: a match of 258 bytes takes two bits.
    package static let maximumRatio = 1032

    /// The bytes of a zlib stream that must inflate to exactly `count` bytes and end there; nil otherwise.
    package static func inflate(_ bytes: UnsafeRawBufferPointer, count: Int) -> [UInt8]? {
        guard count <= bytes.count * maximumRatio else { return nil }
        guard let handle = libdeflate_alloc_decompressor() else { fatalError("no memory for a decompressor") }
        defer { libdeflate_free_decompressor(handle) }
        var complete = false
        let inflated = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            var consumed = 0
            // Without a place to tell it how much came out, it insists on exactly so much.
            let status = libdeflate_zlib_decompress_ex(
                handle,
                bytes.baseAddress,
                bytes.count,
                buffer.baseAddress,
                count,
                &consumed,
                nil
            )
            complete = status == LIBDEFLATE_SUCCESS && consumed == bytes.count
            initialized = complete ? count : 0
        }
        return complete ? inflated : nil
    }
}
