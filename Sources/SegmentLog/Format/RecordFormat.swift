// Owns: the layout of one record in a raw segment, and of its body, which is the same in raw and sealed segments.
//
//      0  4  crc          CRC-32 of all bytes of the record after this field
//      4  4  length       of the whole record, this header included
//      8  8  id
//     16  8  time         the caller's time
//     24  8  recorded at  the commit's time
//     32     body:
//            1  key count
//               per key: 1 byte length minus one, then the key
//               the payload, to the end of the record

enum RecordFormat {
    static let headerBytes = 32
    static let crcOffset = 0
    static let lengthOffset = 4
    static let idOffset = 8
    static let timeOffset = 16
    static let recordedAtOffset = 24
}

/// The body of a record: a list of keys and a payload.
package enum RecordBody {
    @inlinable package static var maximumKeys: Int { 255 }
    @inlinable package static var maximumKeyBytes: Int { 256 }

    /// The bytes of a body with keys of the given total length.
    package static func bytes(keyCount: Int, keyBytes: Int, payloadBytes: Int) -> Int {
        1 + keyCount + keyBytes + payloadBytes
    }

    /// Calls `visit` with each key, in the order they were given, until it returns false; then returns the payload's
    /// range, or nil where the visit was cut short or the body is malformed.
    @discardableResult
    package static func forEachKey(
        of body: UnsafeRawBufferPointer,
        _ visit: (UnsafeRawBufferPointer) -> Bool
    ) -> Range<Int>? {
        guard let count = body.first else { return nil }
        var offset = 1
        for _ in 0..<count {
            guard offset < body.count else { return nil }
            let end = offset + 2 + Int(body[offset])
            guard end <= body.count else { return nil }
            guard visit(UnsafeRawBufferPointer(rebasing: body[offset + 1..<end])) else { return nil }
            offset = end
        }
        return offset..<body.count
    }
}

extension RecordBody {
    /// Whether a body names a key. Walks the keys by their lengths, and compares those of the same length.
    static func hasKey(_ key: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer) -> Bool {
        guard var keysLeft = body.first else { return false }
        var offset = 1
        while keysLeft > 0, offset < body.count {
            let length = Int(body[offset]) + 1
            let end = offset + 1 + length
            guard end <= body.count else { return false }
            // Names of a kind differ at their ends, if anywhere.
            if length == key.count, body[end - 1] == key[length - 1],
                KeyOrder.equal(UnsafeRawBufferPointer(rebasing: body[offset + 1..<end]), key)
            {
                return true
            }
            offset = end
            keysLeft -= 1
        }
        return false
    }
}

/// Fills the bytes of one body, front to back. The bytes must be exactly as many as `RecordBody.bytes` said.
package struct RecordBodyWriter: ~Copyable {
    @usableFromInline let bytes: UnsafeMutableRawBufferPointer
    @usableFromInline var offset: Int

    @inlinable
    init(_ bytes: UnsafeMutableRawBufferPointer, keyCount: Int) {
        precondition(keyCount <= RecordBody.maximumKeys, "a record has at most 255 keys")
        self.bytes = bytes
        bytes[0] = UInt8(keyCount)
        offset = 1
    }

    /// Writes one key: a kind byte followed by a name.
    @inlinable
    package mutating func key(kind: UInt8, _ name: UnsafeRawBufferPointer) {
        precondition(name.count < RecordBody.maximumKeyBytes, "a key has at most 256 bytes")
        bytes[offset] = UInt8(name.count)
        bytes[offset + 1] = kind
        offset += 2
        append(name)
    }

    /// Writes a piece of the payload; all keys have been written.
    @inlinable
    package mutating func payload(_ piece: UnsafeRawBufferPointer) {
        append(piece)
    }

    /// Writes one byte of the payload.
    @inlinable
    package mutating func payload(byte: UInt8) {
        bytes[offset] = byte
        offset += 1
    }

    @inlinable
    mutating func append(_ piece: UnsafeRawBufferPointer) {
        precondition(piece.count <= bytes.count - offset, "a body fills exactly the bytes it was given")
        UnsafeMutableRawBufferPointer(rebasing: bytes[offset..<offset + piece.count]).copyMemory(from: piece)
        offset += piece.count
    }

    @inlinable
    consuming func finish() {
        precondition(offset == bytes.count, "a body fills exactly the bytes it was given")
    }
}
