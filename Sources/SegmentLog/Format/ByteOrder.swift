// Owns: integers in bytes. Little-endian at fixed offsets; LEB128 varints and zigzag where small numbers are common. Each
// number has one form: a varint that is longer than it need be, or says more than 64 bits, is refused.

extension UnsafeRawBufferPointer {
    func littleEndian<Value: FixedWidthInteger>(at offset: Int, as type: Value.Type = Value.self) -> Value {
        Value(littleEndian: loadUnaligned(fromByteOffset: offset, as: Value.self))
    }
}

extension UnsafeMutableRawBufferPointer {
    func storeLittleEndian<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
        storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
    }
}

extension [UInt8] {
    mutating func appendLittleEndian<Value: FixedWidthInteger>(_ value: Value) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }

    mutating func appendVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }

    mutating func appendZigzag(_ value: Int64) {
        appendVarint(UInt64(bitPattern: value << 1 ^ value >> 63))
    }
}

/// Reads forward through bytes that may be damaged: every read is checked, and the first that runs past the end makes
/// the reader fail for good.
struct ByteReader {
    let bytes: UnsafeRawBufferPointer
    private(set) var offset = 0
    private(set) var failed = false

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    var remaining: Int {
        bytes.count - offset
    }

    mutating func littleEndian<Value: FixedWidthInteger>(_ type: Value.Type) -> Value {
        let size = MemoryLayout<Value>.size
        guard !failed, remaining >= size else {
            failed = true
            return 0
        }
        defer { offset += size }
        return bytes.littleEndian(at: offset)
    }

    @inline(__always)
    mutating func varint() -> UInt64 {
        // Most have one byte.
        if !failed, offset < bytes.count, case let byte = bytes[offset], byte < 0x80 {
            offset &+= 1
            return UInt64(byte)
        }
        return longVarint()
    }

    private mutating func longVarint() -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while !failed, offset < bytes.count, shift < 64 {
            let byte = bytes[offset]
            offset += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 {
                guard byte > 0 || shift == 0, shift < 63 || byte == 1 else { break }
                return value
            }
            shift += 7
        }
        failed = true
        return 0
    }

    mutating func zigzag() -> Int64 {
        let value = varint()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// A varint that counts bytes or items within what is left; more than that fails.
    mutating func count() -> Int {
        let value = varint()
        guard !failed, value <= UInt64(remaining) else {
            failed = true
            return 0
        }
        return Int(value)
    }

    mutating func take(_ count: Int) -> UnsafeRawBufferPointer {
        guard !failed, count >= 0, remaining >= count else {
            failed = true
            return UnsafeRawBufferPointer(start: nil, count: 0)
        }
        defer { offset += count }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
    }
}
