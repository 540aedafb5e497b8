// Owns: the one encoding of an event as index keys and a payload.
// Refuses to know: how keys and payload are laid out in a record; that is the log's.
//
// A key is a kind byte followed by the name: `c` category, `a` aggregate, `t` type, `i` the 16 bytes of the UUID or `n`
// another identifier, `g` a tag. An event has its keys in this order. The payload is
//
//     flags   1 byte    bit 0: a version follows; bit 1: metadata follow; bit 7: the event was appended in one transaction with
//                       the one before it; the other bits are zero
//     version 4 bytes   little-endian, only where it is not 1
//     length  4 bytes   little-endian, of the metadata, only where there are any
//     metadata, then data: the JSON texts, byte for byte
//
// What a later version adds says of itself whether it may be passed over: a capital letter as the kind of a key may be, as bit 7
// of the flags was; a small letter, and bits 2 to 6, must be known to read the event.

/// What a version makes of a stored event. The greater one of two is what both together come to.
package enum Legibility: Comparable, Sendable {
    /// This version reads it.
    case known
    /// A later version wrote it, with something in it that must be known.
    case later
    /// No version wrote it.
    case foreign
}

/// The kind of an index key: the first byte of its bytes.
package enum KeyKind: UInt8, Sendable, CaseIterable {
    case category = 0x63  // c
    case aggregate = 0x61  // a
    case type = 0x74  // t
    case uuid = 0x69  // i
    case identifier = 0x6E  // n
    case tag = 0x67  // g

    /// What the first byte of a key makes of the event that has it.
    @inlinable
    @inline(__always)
    package static func legibility(ofKind byte: UInt8) -> Legibility {
        switch byte {
        case 0x63, 0x61, 0x74, 0x69, 0x6E, 0x67, 0x41...0x5A: .known
        case 0x61...0x7A: .later
        default: .foreign
        }
    }

    /// The whole key of a name.
    package func key(_ name: String) -> [UInt8] {
        [rawValue] + name.utf8
    }
}

package enum EventPayload {
    private static let hasVersion: UInt8 = 1
    private static let hasMetadata: UInt8 = 2
    private static let isJoined: UInt8 = 0x80
    /// The bits that a later version may set where whoever does not know them is not to read the event.
    package static let laterFlags: UInt8 = 0b0111_1100
    /// The most bytes a head can take: flags, version, length.
    package static let maximumHeadBytes = 9

    /// The head of most payloads: neither version nor metadata.
    package static let plainHead: UInt8 = 0

    /// The bytes that go before the metadata and the data.
    package static func head(version: UInt32, metadataBytes: Int?, isJoined: Bool = false) -> [UInt8] {
        // Constants take no allocation.
        if version == 1, metadataBytes == nil { return isJoined ? [Self.isJoined] : [plainHead] }
        let flags = (version == 1 ? 0 : hasVersion) | (metadataBytes == nil ? 0 : hasMetadata)
        var head: [UInt8] = [flags | (isJoined ? Self.isJoined : 0)]
        if version != 1 {
            withUnsafeBytes(of: version.littleEndian) { head.append(contentsOf: $0) }
        }
        if let metadataBytes {
            withUnsafeBytes(of: UInt32(metadataBytes).littleEndian) { head.append(contentsOf: $0) }
        }
        return head
    }

    /// Where the parts of a payload lie.
    package struct Layout: Sendable {
        package let version: UInt32
        package let metadata: Range<Int>?
        package let data: Range<Int>
        /// Whether the event was appended in one transaction with the one before it.
        package let isJoined: Bool
    }

    /// Whether the head can be read. Where it has flags of a later version nobody can tell here how it goes on.
    package static func legibility(of payload: UnsafeRawBufferPointer) -> Legibility {
        guard let flags = payload.first else { return .foreign }
        if flags & ~isJoined == plainHead { return .known }
        if flags & laterFlags != 0 { return .later }
        return layout(of: payload) == nil ? .foreign : .known
    }

    /// Reads the head; nil where the payload is not `known`.
    package static func layout(of payload: UnsafeRawBufferPointer) -> Layout? {
        guard let flags = payload.first, flags & laterFlags == 0 else { return nil }
        var offset = 1
        var version: UInt32 = 1
        var metadata: Range<Int>?
        if flags & hasVersion != 0 {
            guard payload.count >= offset + 4 else { return nil }
            version = UInt32(littleEndian: payload.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            offset += 4
        }
        if flags & hasMetadata != 0 {
            guard payload.count >= offset + 4 else { return nil }
            let length = Int(UInt32(littleEndian: payload.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
            offset += 4
            guard payload.count - offset >= length else { return nil }
            metadata = offset..<offset + length
            offset += length
        }
        return Layout(
            version: version,
            metadata: metadata,
            data: offset..<payload.count,
            isJoined: flags & isJoined != 0
        )
    }
}
