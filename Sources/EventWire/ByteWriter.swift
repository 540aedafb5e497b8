// Owns: writing the pieces of RESP into memory whose size is known to suffice, without building a String.

import EventModel

struct ByteWriter: ~Copyable {
    private let memory: UnsafeMutableBufferPointer<UInt8>
    private(set) var count = 0

    init(_ memory: UnsafeMutableBufferPointer<UInt8>) {
        self.memory = memory
    }

    mutating func write(_ byte: UInt8) {
        precondition(count < memory.count)
        memory[count] = byte
        count += 1
    }

    mutating func write(_ text: StaticString) {
        write(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func write(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress else { return }
        precondition(bytes.count <= memory.count - count)
        (UnsafeMutableRawPointer(memory.baseAddress!) + count).copyMemory(from: source, byteCount: bytes.count)
        count += bytes.count
    }

    mutating func write(decimal value: UInt64) {
        write(value, digits: value.decimalDigits)
    }

    /// `<marker><value>CRLF`: an integer, or the head of anything that is counted. `end` is the line end with whatever is
    /// known to follow it, so that both are one copy; here and below.
    mutating func write(_ marker: Unicode.Scalar, _ value: UInt64, end: StaticString = "\r\n") {
        write(UInt8(ascii: marker))
        write(decimal: value)
        write(end)
    }

    /// `count` integers, each one more than the one before: mostly the same digits, but for the last.
    mutating func write(integersFrom first: UInt64, count number: Int) {
        guard number > 0 else { return }
        var (start, value) = (count, first)
        write(":", value)
        for _ in 1..<number {
            value += 1
            let length = count - start
            let last = memory[count - 3]
            if last < UInt8(ascii: "9") {
                let previous = UnsafeRawBufferPointer(start: memory.baseAddress! + start, count: length)
                start = count
                write(previous)
                memory[count - 3] = last + 1
            } else {
                start = count
                write(":", value)
            }
        }
    }

    mutating func write(bulk bytes: UnsafeRawBufferPointer, end: StaticString = "\r\n") {
        write("$", UInt64(bytes.count))
        write(bytes)
        write(end)
    }

    /// A moment as a bulk string: exactly what `Timestamp.description` prints.
    mutating func write(bulk timestamp: Timestamp, end: StaticString = "\r\n") {
        var (seconds, fraction) = timestamp.nanoseconds.magnitude.quotientAndRemainder(dividingBy: 1_000_000_000)
        let negative = timestamp.nanoseconds < 0
        var fractionDigits = 9
        while fraction != 0, fraction.isMultiple(of: 10) {
            fraction /= 10
            fractionDigits -= 1
        }
        let secondsDigits = seconds.decimalDigits
        let length = (negative ? 1 : 0) + secondsDigits + (fraction == 0 ? 0 : 1 + fractionDigits)
        write("$", UInt64(length))
        if negative { write(UInt8(ascii: "-")) }
        write(seconds, digits: secondsDigits)
        if fraction != 0 {
            write(UInt8(ascii: "."))
            write(fraction, digits: fractionDigits)
        }
        write(end)
    }

    /// A UUID as a bulk string: exactly what `EventUUID.description` prints.
    mutating func write(bulk uuid: EventUUID) {
        write("$36\r\n")
        for index in 0..<16 {
            if index == 4 || index == 6 || index == 8 || index == 10 { write(UInt8(ascii: "-")) }
            let byte = UInt8(truncatingIfNeeded: (index < 8 ? uuid.high : uuid.low) >> UInt64(56 - index % 8 * 8))
            write((byte >> 4).hexadecimalDigit)
            write((byte & 15).hexadecimalDigit)
        }
        write("\r\n")
    }

    /// Writes from the last digit backwards, with leading zeros where there are fewer digits than asked for.
    private mutating func write(_ value: UInt64, digits: Int) {
        precondition(digits <= memory.count - count)
        var rest = value
        var index = count &+ digits
        count = index
        var left = digits
        while left >= 2 {
            let pair = rest % 100
            rest /= 100
            index &-= 2
            left &-= 2
            memory[index] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: pair / 10)
            memory[index &+ 1] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: pair % 10)
        }
        if left > 0 { memory[index &- 1] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10) }
    }
}

extension UInt64 {
    fileprivate var decimalDigits: Int {
        if self < 10 { return 1 }
        // A bit is 0.301 digits; what that rounds away the table tells.
        let estimate = ((64 - leadingZeroBitCount) * 1233) >> 12
        return self < Self.powersOfTen[estimate] ? estimate : estimate + 1
    }

    private static let powersOfTen: InlineArray<20, UInt64> = [
        1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000,
        100_000_000_000, 1_000_000_000_000, 10_000_000_000_000, 100_000_000_000_000, 1_000_000_000_000_000,
        10_000_000_000_000_000, 100_000_000_000_000_000, 1_000_000_000_000_000_000, 10_000_000_000_000_000_000,
    ]
}

extension UInt8 {
    fileprivate var hexadecimalDigit: UInt8 {
        self < 10 ? UInt8(ascii: "0") + self : UInt8(ascii: "a") + self - 10
    }
}
