// Owns: how a moment is printed for people: RFC 3339 in their zone, which the TIME grammar reads back to the same
// nanosecond.

import EventModel

extension Timestamp {
    private static let nanosecondsPerSecond: Int64 = 1_000_000_000

    /// Seconds since the epoch, rounded down, and the nanoseconds above them.
    var floored: (seconds: Int, nanoseconds: Int) {
        let (quotient, remainder) = nanoseconds.quotientAndRemainder(dividingBy: Self.nanosecondsPerSecond)
        return remainder < 0
            ? (Int(quotient) - 1, Int(remainder + Self.nanosecondsPerSecond)) : (Int(quotient), Int(remainder))
    }

    init?(floorSeconds seconds: Int, nanoseconds: Int) {
        let (whole, overflow) = Int64(seconds).multipliedReportingOverflow(by: Self.nanosecondsPerSecond)
        let (sum, carry) = whole.addingReportingOverflow(Int64(nanoseconds))
        guard !overflow, !carry else { return nil }
        self.init(nanoseconds: sum)
    }

    /// RFC 3339 with the zone's offset. The fraction has none, three, six or nine digits, so that columns line up.
    func rfc3339(in zone: Zone) -> String {
        let (seconds, fraction) = floored
        let (reading, offset) = zone.civil(atEpochSeconds: seconds)
        // RFC 3339 has no room for the seconds of a local mean time, as zones had before about 1900.
        guard offset % 60 == 0 else { return rfc3339(in: .utc) }
        var text = "\(reading.year.padded(4))-\(reading.month.padded(2))-\(reading.day.padded(2))"
        text += "T\(reading.hour.padded(2)):\(reading.minute.padded(2)):\(reading.second.padded(2))"
        if fraction % 1000 != 0 {
            text += "." + fraction.padded(9)
        } else if fraction % 1_000_000 != 0 {
            text += "." + (fraction / 1000).padded(6)
        } else if fraction != 0 {
            text += "." + (fraction / 1_000_000).padded(3)
        }
        if case .utc = zone { return text + "Z" }
        let minutes = abs(offset) / 60
        return text + "\(offset < 0 ? "-" : "+")\((minutes / 60).padded(2)):\((minutes % 60).padded(2))"
    }
}

extension Int {
    fileprivate func padded(_ width: Int) -> String {
        let digits = String(self)
        return String(repeating: "0", count: Swift.max(0, width - digits.count)) + digits
    }
}
