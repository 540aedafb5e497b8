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
        guard text.utf8.first != UInt8(ascii: "+"), let value = UInt64(text) else { return nil }
        self.init(value)
    }
}
