// Owns: the clocks that a measurement reads.

import Glibc

/// Nanoseconds of clocks that measure, and mean nothing by themselves.
enum BenchClock {
    static var now: UInt64 { read(CLOCK_MONOTONIC) }
    /// What the calling thread has had of its core.
    static var threadCPU: UInt64 { read(CLOCK_THREAD_CPUTIME_ID) }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
