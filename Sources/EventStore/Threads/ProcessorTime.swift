// Owns: how much a thread has worked, whatever else the machine has done meanwhile.

import Glibc

enum ProcessorTime {
    /// That the calling thread has had since it began.
    static var ofThread: Duration {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}
