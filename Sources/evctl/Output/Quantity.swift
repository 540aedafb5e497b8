// Owns: numbers as people read them: grouped digits, binary sizes, durations.

enum Quantity {
    /// `1,234,567`
    static func grouped(_ value: UInt64) -> String {
        var text = ""
        for (index, digit) in String(value).reversed().enumerated() {
            if index > 0, index.isMultiple(of: 3) { text.append(",") }
            text.append(digit)
        }
        return String(text.reversed())
    }

    /// `1 event`, `1,234 events`
    static func counted(_ value: UInt64, _ noun: String) -> String {
        "\(grouped(value)) \(noun)\(value == 1 ? "" : "s")"
    }

    /// `17 B`, `4.2 KiB`, `1.0 GiB`
    static func bytes(_ value: Double) -> String {
        var rest = value
        var units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"][...]
        while rest >= 1024, units.count > 1 {
            rest /= 1024
            units.removeFirst()
        }
        return units.startIndex == 0 ? "\(Int(saturating: rest)) B" : "\(tenths(rest)) \(units[units.startIndex])"
    }

    /// `0:07`, `12:34`, `1:02:03`
    static func clock(_ seconds: Double) -> String {
        let total = UInt64(saturating: min(seconds.rounded(.up), 1e9))
        let padded = { (value: UInt64) in value < 10 ? "0\(value)" : "\(value)" }
        return total < 3600
            ? "\(total / 60):\(padded(total % 60))"
            : "\(total / 3600):\(padded(total / 60 % 60)):\(padded(total % 60))"
    }

    /// `873 ns`, `87.3 µs`, `12.5 ms`, `1.2 s`
    static func duration(nanoseconds: UInt64) -> String {
        switch nanoseconds {
        case ..<1000: "\(nanoseconds) ns"
        case ..<1_000_000: "\(tenths(Double(nanoseconds) / 1e3)) µs"
        case ..<1_000_000_000: "\(tenths(Double(nanoseconds) / 1e6)) ms"
        default: "\(tenths(Double(nanoseconds) / 1e9)) s"
        }
    }

    /// One digit after the point.
    static func tenths(_ value: Double) -> String {
        let tenths = UInt64(saturating: (max(0, value) * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}

extension FixedWidthInteger {
    /// The whole part of a number, or the bound that it lies beyond; 0 of what is no number. A rate and a share are quotients
    /// of what somebody asked for and of what a clock said, and there is none that the plain conversion would not trap on.
    init(saturating value: Double) {
        self = Self(exactly: value.rounded(.towardZero)) ?? (value.isNaN ? 0 : value < 0 ? .min : .max)
    }
}
