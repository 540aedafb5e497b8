// Owns: a JSON number read as a moment without rounding: `5`, `1700000000.25`, `1e3`. What does not come out even in
// nanoseconds is refused.

import EventModel

enum ExactSeconds {
    /// `number` must be a number by JSON's grammar.
    static func timestamp(_ number: ArraySlice<UInt8>) -> Timestamp? {
        var rest = number
        let isNegative = rest.first == UInt8(ascii: "-")
        if isNegative { rest = rest.dropFirst() }

        // The value is mantissa × 10^exponent nanoseconds. Zeros are held back until a digit follows them, so that
        // trailing ones never fill the mantissa.
        var mantissa: Int128 = 0
        var exponent = 9
        var heldZeros = 0
        var isFraction = false
        while let byte = rest.first, byte | 0x20 != UInt8(ascii: "e") {
            rest = rest.dropFirst()
            if byte == UInt8(ascii: ".") {
                isFraction = true
                continue
            }
            if isFraction { exponent -= 1 }
            if byte == UInt8(ascii: "0") {
                heldZeros += 1
                continue
            }
            guard let raised = scaled(mantissa, byPowerOfTen: heldZeros + 1) else { return nil }
            mantissa = raised + Int128(byte - UInt8(ascii: "0"))
            heldZeros = 0
        }
        guard mantissa != 0 else { return Timestamp(nanoseconds: 0) }
        exponent += heldZeros
        if !rest.isEmpty {
            guard let written = Int(String(decoding: rest.dropFirst(), as: UTF8.self)), written.magnitude < 1000 else {
                return nil
            }
            exponent += written
        }
        guard let nanoseconds = scaled(isNegative ? -mantissa : mantissa, byPowerOfTen: exponent) else { return nil }
        return Int64(exactly: nanoseconds).map { Timestamp(nanoseconds: $0) }
    }

    /// Nil below a whole number and beyond anything that fits 64 bits in the end.
    private static func scaled(_ value: Int128, byPowerOfTen exponent: Int) -> Int128? {
        guard value != 0 else { return 0 }
        guard exponent >= 0 else { return nil }
        var product = value
        for _ in 0..<exponent {
            product *= 10
            guard product.magnitude < 1 << 100 else { return nil }
        }
        return product
    }
}
