// Owns: how a moment is printed for people: RFC 3339 in their zone, which the TIME grammar reads back to the same
// nanosecond.

import EventModel

extension Timestamp {
    /// Seconds since the epoch, rounded down, and the nanoseconds above them.
    var floored: (seconds: Int, nanoseconds: Int) {
        let (seconds, nanoseconds) = Int(nanoseconds).floored(by: 1_000_000_000)
        return (seconds, nanoseconds)
    }

    /// RFC 3339 with the zone's offset. The fraction has none, three, six or nine digits, so that columns line up.
    func rfc3339(in zone: Zone) -> String {
        let (seconds, fraction) = floored
        let offset = zone.offset(at: seconds)
        // RFC 3339 has no room for the seconds of a local mean time, as zones had before about 1900.
        guard offset % 60 == 0 else { return rfc3339(in: .utc) }
        let (day, second) = (seconds + offset).floored(by: 86_400)
        let date = CivilDate(daysSinceEpoch: Int64(day))
        var text = "\(date.year.padded(4))-\(date.month.padded(2))-\(date.day.padded(2))"
        text += "T\((second / 3600).padded(2)):\((second / 60 % 60).padded(2)):\((second % 60).padded(2))"
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

extension BinaryInteger {
    fileprivate func padded(_ width: Int) -> String {
        let digits = String(self)
        return String(repeating: "0", count: Swift.max(0, width - digits.count)) + digits
    }
}
