// Owns: the 16 bytes by which stores, and mostly events, are told apart.

/// A UUID as 16 bytes; printed in the canonical lower-case form of RFC 9562.
public struct EventUUID: Hashable, Sendable, CustomStringConvertible {
    /// The first eight bytes, in network order.
    public let high: UInt64
    /// The last eight bytes, in network order.
    public let low: UInt64

    /// An identifier of these 16 bytes, of whatever version.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A random (version 4) identifier.
    public static func random() -> EventUUID {
        EventUUID(
            high: UInt64.random(in: .min ... .max) & 0xFFFF_FFFF_FFFF_0FFF | 0x4000,
            low: UInt64.random(in: .min ... .max) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        )
    }

    /// Reads the canonical 36-character form, in either case; nil for anything else.
    public init?(_ text: some StringProtocol) {
        var text = String(text)
        guard let value = text.withUTF8({ EventUUID(utf8: UnsafeRawBufferPointer($0)) }) else { return nil }
        self = value
    }

    /// Reads the canonical 36-character form from bytes.
    package init?(utf8 bytes: UnsafeRawBufferPointer) {
        guard bytes.count == 36 else { return nil }
        var digits: (UInt64, UInt64) = (0, 0)
        for position in 0..<36 {
            let byte = bytes[position]
            if position == 8 || position == 13 || position == 18 || position == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: return nil
            }
            digits.0 = digits.0 << 4 | digits.1 >> 60
            digits.1 = digits.1 << 4 | UInt64(digit)
        }
        self.init(high: digits.0, low: digits.1)
    }

    /// The 16 bytes in network order.
    package var bytes: [UInt8] {
        (0..<16).map { index in
            UInt8(truncatingIfNeeded: (index < 8 ? high : low) >> UInt64(56 - index % 8 * 8))
        }
    }

    package init(bytes: some Sequence<UInt8>) {
        var digits: (UInt64, UInt64) = (0, 0)
        for byte in bytes {
            digits.0 = digits.0 << 8 | digits.1 >> 56
            digits.1 = digits.1 << 8 | UInt64(byte)
        }
        self.init(high: digits.0, low: digits.1)
    }

    /// The canonical form: 36 characters, lower case.
    public var description: String {
        String(unsafeUninitializedCapacity: 36) { text in
            var place = 0
            for index in 0..<32 {
                if index == 8 || index == 12 || index == 16 || index == 20 {
                    text[place] = UInt8(ascii: "-")
                    place += 1
                }
                let digit = UInt8(truncatingIfNeeded: (index < 16 ? high : low) >> UInt64(60 - index % 16 * 4)) & 15
                text[place] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
                place += 1
            }
            return place
        }
    }
}
