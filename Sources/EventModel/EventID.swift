// Owns: the identity of an event, which is its position in the one global order.

/// The position of an event in the store's global order: 1, 2, 3 …, assigned at commit and never reused.
///
/// Zero is not an event; it stands for "before the first", so that `after: .zero` means everything.
public struct EventID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The position as a number.
    public let rawValue: UInt64

    /// The id of a position.
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// The id of a position.
    public init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// The position before the first event.
    public static let zero = EventID(0)

    /// The position behind this one; nil behind the greatest there is.
    public var successor: EventID? {
        rawValue == .max ? nil : EventID(rawValue + 1)
    }

    /// The position before this one; nil before ``zero``.
    public var predecessor: EventID? {
        rawValue == 0 ? nil : EventID(rawValue - 1)
    }

    /// By position.
    public static func < (lhs: EventID, rhs: EventID) -> Bool {
        lhs.rawValue < rhs.rawValue
    }

    /// The position in decimal digits.
    public var description: String {
        String(rawValue)
    }

    /// Reads a decimal id; nil unless the text is digits only and fits 64 bits.
    public init?(decimal text: some StringProtocol) {
        var text = String(text)
        guard let id = text.withUTF8({ EventID(decimal: UnsafeRawBufferPointer($0)) }) else { return nil }
        self = id
    }

    /// Reads a decimal id from bytes.
    package init?(decimal bytes: UnsafeRawBufferPointer) {
        guard !bytes.isEmpty else { return nil }
        var value: UInt64 = 0
        for byte in bytes {
            guard case let digit = byte &- UInt8(ascii: "0"), digit < 10, value.append(digit: digit) else { return nil }
        }
        self.init(value)
    }
}

extension UInt64 {
    /// Puts a decimal digit at the end; false where it does not fit.
    mutating func append(digit: UInt8) -> Bool {
        let (shifted, overflow) = multipliedReportingOverflow(by: 10)
        let (sum, carry) = shifted.addingReportingOverflow(UInt64(digit))
        self = sum
        return !overflow && !carry
    }
}
