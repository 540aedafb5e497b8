// Owns: the distinct types of the log's two numbers, so that an id is never taken for a time.

/// The id of a record: 1, 2, 3 … in the order of commit. Zero stands for "before the first".
package struct RecordID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    package static let zero = RecordID(0)
    package static let maximum = RecordID(.max)
    /// No record comes to have a greater id, at a million a second for a hundred thousand years. A file that names one was
    /// made by somebody, and is not believed: below it, no id that is counted on from another overflows.
    static let greatest = RecordID(1 << 62)

    package static func < (lhs: RecordID, rhs: RecordID) -> Bool {
        lhs.rawValue < rhs.rawValue
    }

    package var next: RecordID {
        RecordID(rawValue + 1)
    }

    package func advanced(by count: Int) -> RecordID {
        RecordID(rawValue + UInt64(count))
    }

    package var description: String {
        String(rawValue)
    }
}

/// A moment in nanoseconds; the log orders and bounds by it and knows nothing of its epoch.
package struct RecordTime: RawRepresentable, Hashable, Comparable, Sendable {
    package let rawValue: Int64

    package init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    package init(_ rawValue: Int64) {
        self.rawValue = rawValue
    }

    package static let minimum = RecordTime(.min)
    package static let maximum = RecordTime(.max)

    package static func < (lhs: RecordTime, rhs: RecordTime) -> Bool {
        lhs.rawValue < rhs.rawValue
    }
}

/// Sixteen random bytes that tell one store, or one segment, from every other.
package struct UniqueID: Hashable, Sendable {
    private let first: UInt64
    private let last: UInt64

    package init(bytes: [UInt8]) {
        precondition(bytes.count == 16, "a unique id has 16 bytes")
        (first, last) = bytes.withUnsafeBytes { ($0.littleEndian(at: 0), $0.littleEndian(at: 8)) }
    }

    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendLittleEndian(first)
        bytes.appendLittleEndian(last)
        return bytes
    }

    /// 32 hexadecimal digits.
    package var digits: String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Nobody's.
    package static let zero = UniqueID(bytes: [UInt8](repeating: 0, count: 16))

    package static func random() -> UniqueID {
        UniqueID(bytes: (0..<16).map { _ in UInt8.random(in: .min ... .max) })
    }
}
