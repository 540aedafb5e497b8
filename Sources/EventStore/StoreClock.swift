// Owns: what time it is, so that a test can say, and arithmetic with times that no clock, however wrong, can make overflow.

package import EventModel
import Glibc

/// The wall clock, in nanoseconds since the Unix epoch.
package struct StoreClock: Sendable {
    package let now: @Sendable () -> Timestamp

    package init(now: @escaping @Sendable () -> Timestamp) {
        self.now = now
    }

    package static let system = StoreClock {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(time)
    }
}

extension Timestamp {
    /// A machine's clock may say any year. Of what no timestamp can say, this is the nearest that an event can have: the
    /// daemon goes on, and says in the journal what is odd about its clock.
    init(_ time: timespec) {
        let (whole, overflow) = Int64(time.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = whole.addingReportingOverflow(Int64(time.tv_nsec))
        if overflow || carry {
            self.init(nanoseconds: time.tv_sec < 0 ? .min + 1 : .max)
        } else {
            self.init(nanoseconds: max(sum, .min + 1))
        }
    }

    /// Nanoseconds from `earlier` to this moment, negative where it is the later one; the most that an integer holds where
    /// they are centuries apart.
    func nanoseconds(since earlier: Timestamp) -> Int64 {
        let (difference, overflow) = nanoseconds.subtractingReportingOverflow(earlier.nanoseconds)
        return overflow ? (nanoseconds < 0 ? .min : .max) : difference
    }
}
