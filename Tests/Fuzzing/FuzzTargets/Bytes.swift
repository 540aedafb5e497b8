// Owns: integers in bytes and zlib streams, written once more from the format's page and not from the code under test.

import SegmentLog

extension [UInt8] {
    func integer<Value: FixedWidthInteger>(at offset: Int, as type: Value.Type) -> Value {
        withUnsafeBytes { Value(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Value.self)) }
    }

    mutating func put<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
        precondition(offset + value.bitWidth / 8 <= count, "an integer within the bytes")
        withUnsafeMutableBytes { $0.storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self) }
    }

    /// Puts a value where zero stands.
    mutating func putIfZero<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
        if integer(at: offset, as: Value.self) == 0 { put(value, at: offset) }
    }

    func crc(_ range: Range<Int>, from previous: UInt32 = 0) -> UInt32 {
        withUnsafeBytes { Checksum.crc32(UnsafeRawBufferPointer(rebasing: $0[range]), from: previous) }
    }

    func isZero(_ range: Range<Int>) -> Bool {
        self[range].allSatisfy { $0 == 0 }
    }

    mutating func append(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }

    /// Reads a varint and moves on; nil at the end of the bytes.
    func varint(at offset: inout Int) -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard offset < count else { return nil }
            let byte = self[offset]
            offset += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        return nil
    }
}

enum ZlibStream {
    /// A stream that stores the bytes as they are: quick, and the fuzzer sees what it changes.
    static func stored(_ bytes: [UInt8]) -> [UInt8] {
        var stream: [UInt8] = [0x78, 0x01]
        stream.reserveCapacity(bytes.count + 16)
        var rest = bytes[...]
        repeat {
            let piece = rest.prefix(0xFFFF)
            rest = rest.dropFirst(0xFFFF)
            stream.append(rest.isEmpty ? 1 : 0)
            stream.append(contentsOf: [UInt8(piece.count & 0xFF), UInt8(piece.count >> 8)])
            stream.append(contentsOf: [~UInt8(piece.count & 0xFF), ~UInt8(piece.count >> 8)])
            stream.append(contentsOf: piece)
        } while !rest.isEmpty
        // Adler-32; the sums of what a fuzzer gives are far from where they would have to be reduced on the way.
        var (low, high): (UInt64, UInt64) = (1, 0)
        for byte in bytes {
            low &+= UInt64(byte)
            high &+= low
        }
        withUnsafeBytes(of: UInt32((high % 65521) << 16 | low % 65521).bigEndian) { stream.append(contentsOf: $0) }
        return stream
    }
}
