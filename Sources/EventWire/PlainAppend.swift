// Owns: EV.APPEND as nearly all of them come: no options, names of ASCII, all of it there. Found in one pass over its
// bytes, into nothing but places in them.
//
// Whatever is not just so is no plain append, and left to `RESPDecoder` and `AppendRequest`: they alone say what is wrong
// with a command, so what is found here must be what they would have found.

import EventModel

/// The arguments of an EV.APPEND without options; they lie in the bytes it was found in.
package struct PlainAppend {
    package let category: UnsafeRawBufferPointer
    package let aggregateID: UnsafeRawBufferPointer
    package let eventType: UnsafeRawBufferPointer
    package let data: UnsafeRawBufferPointer
    package let wireBytes: Int

    // "*5\r\n$9\r\nEV.APPEND\r\n", as it lies in memory.
    private static let header: UInt64 = 0x0A0D_3924_0A0D_352A
    private static let name: UInt64 = 0x4E45_5050_412E_5645
    private static let nameEnd: UInt16 = 0x0D44
    private static let headerBytes = 19
    private static let arguments = 5

    /// What the front of the bytes holds; nil where that is anything else.
    package init?(front bytes: UnsafeRawBufferPointer, limits: WireLimits) {
        guard bytes.count > Self.headerBytes, let start = bytes.baseAddress,
            UInt64(littleEndian: start.loadUnaligned(as: UInt64.self)) == Self.header,
            UInt64(littleEndian: start.loadUnaligned(fromByteOffset: 8, as: UInt64.self)) == Self.name,
            UInt16(littleEndian: start.loadUnaligned(fromByteOffset: 16, as: UInt16.self)) == Self.nameEnd,
            bytes[Self.headerBytes - 1] == UInt8(ascii: "\n"), limits.arguments >= Self.arguments
        else { return nil }
        var offset = Self.headerBytes
        guard let category = Self.argument(in: bytes, at: &offset),
            let aggregateID = Self.argument(in: bytes, at: &offset),
            let eventType = Self.argument(in: bytes, at: &offset),
            let data = Self.argument(in: bytes, at: &offset),
            data.count <= limits.argumentBytes, offset <= limits.commandBytes,
            Self.isPlainName(category, limits), Self.isPlainName(aggregateID, limits),
            Self.isPlainName(eventType, limits)
        else { return nil }
        (self.category, self.aggregateID, self.eventType, self.data) = (category, aggregateID, eventType, data)
        wireBytes = offset
    }

    private static func isPlainName(_ name: UnsafeRawBufferPointer, _ limits: WireLimits) -> Bool {
        name.count <= limits.argumentBytes && NameRule.isPlain(name)
    }

    /// `$<digits>CRLF<bytes>CRLF` at the offset, which moves behind it.
    @inline(__always)
    private static func argument(in bytes: UnsafeRawBufferPointer, at offset: inout Int) -> UnsafeRawBufferPointer? {
        // No argument takes fewer: a marker, a digit, two line ends.
        guard bytes.count - offset >= 6, bytes[offset] == UInt8(ascii: "$") else { return nil }
        var index = offset + 1
        var length = 0
        // Eight digits say more than any limit allows, and cannot overflow.
        let last = min(index + 8, bytes.count)
        while index < last, case let digit = bytes[index] &- UInt8(ascii: "0"), digit < 10 {
            length = length &* 10 &+ Int(digit)
            index &+= 1
        }
        guard index > offset &+ 1, bytes.count - index >= length + 4, isLineEnd(bytes, index),
            isLineEnd(bytes, index + 2 + length)
        else { return nil }
        offset = index + 4 + length
        return UnsafeRawBufferPointer(rebasing: bytes[index + 2..<index + 2 + length])
    }

    @inline(__always)
    private static func isLineEnd(_ bytes: UnsafeRawBufferPointer, _ index: Int) -> Bool {
        UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt16.self)) == 0x0A0D
    }
}
