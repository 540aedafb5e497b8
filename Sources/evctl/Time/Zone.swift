// Owns: the step between a moment and civil time, by the rules of UTC or of this machine's zone (the C library's).
// Refuses to know: any text.

import Glibc

/// A reading of calendar and clock, in some zone.
struct CivilTime: Equatable {
    var year: Int
    var month: Int
    var day: Int
    var hour = 0
    var minute = 0
    var second = 0
}

enum Zone {
    case utc
    /// As `TZ` or `/etc/localtime` say.
    case local

    /// The reading at a moment, and how many seconds it is ahead of UTC.
    func civil(atEpochSeconds seconds: Int) -> (reading: CivilTime, secondsAheadOfUTC: Int) {
        var moment = time_t(seconds)
        var parts = tm()
        switch self {
        case .utc: gmtime_r(&moment, &parts)
        case .local: localtime_r(&moment, &parts)
        }
        let reading = CivilTime(
            year: Int(parts.tm_year) + 1900,
            month: Int(parts.tm_mon) + 1,
            day: Int(parts.tm_mday),
            hour: Int(parts.tm_hour),
            minute: Int(parts.tm_min),
            second: Int(parts.tm_sec)
        )
        return (reading, Int(parts.tm_gmtoff))
    }

    /// The moment of a reading. Fields beyond their range carry over, as `mktime` has it: the 32nd of January is the
    /// 1st of February, and an hour that daylight saving skips is the one after it.
    func epochSeconds(of reading: CivilTime) -> Int {
        var parts = tm()
        parts.tm_year = Int32(reading.year - 1900)
        parts.tm_mon = Int32(reading.month - 1)
        parts.tm_mday = Int32(reading.day)
        parts.tm_hour = Int32(reading.hour)
        parts.tm_min = Int32(reading.minute)
        parts.tm_sec = Int32(reading.second)
        // Whether daylight saving holds is the zone's to say, not the caller's.
        parts.tm_isdst = -1
        switch self {
        case .utc: return Int(timegm(&parts))
        case .local: return Int(mktime(&parts))
        }
    }
}
