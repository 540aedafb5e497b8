// Owns: one connection of a load: what is on its way in either direction, and since when.

import Glibc

/// Used by one thread at a time, which is its loop's.
final class LoadConnection {
    /// Units that were sent in one write, and are answered in this order.
    private struct Burst {
        /// When the first of them was sent, or was to be sent.
        var origin: UInt64
        /// How much later than the one before each of them was to be sent; 0 for all at once.
        let step: Double
        /// Units answered, of how many.
        var answered = 0
        let units: Int
    }

    let descriptor: Int32
    /// Its place in its loop.
    var tag = 0
    var scanner = ReplyScanner()
    /// Units sent and not yet answered.
    private(set) var inFlight = 0
    private(set) var isLost = false
    /// The peer takes nothing more; it may still have answers.
    private var isHalfClosed = false

    /// By work, and the one that is being done.
    private var cycles: [CommandCycle]
    private var work = 0
    private var unsent: Range<Int> = 0..<0
    private var bursts: [Burst] = []
    private var firstBurst = 0
    /// Replies to the oldest unit so far, and whether one of them was an error.
    private var answeredReplies = 0
    private var hasFailed = false

    /// `cycles` holds what it sends, by work.
    init(descriptor: Int32, cycles: [CommandCycle]) {
        self.descriptor = descriptor
        self.cycles = cycles
    }

    deinit {
        if !isLost { close(descriptor) }
    }

    /// Whether everything that was begun has been written, so that more can be.
    var isWritten: Bool { unsent.isEmpty }
    var takesMore: Bool { unsent.isEmpty && !isLost && !isHalfClosed }

    /// Begins with another work. Nothing is in flight.
    func select(work: Int) {
        precondition(inFlight == 0 || isLost, "a work ends with its last answer")
        self.work = work
    }

    /// Sends some of the next units, up to so many. Returns how many, and how many bytes were written at once.
    func send(
        _ limit: Int,
        origin: UInt64,
        step: Double,
        _ numbers: inout AggregateNumbers
    ) -> (units: Int, bytes: Int) {
        let (units, range) = cycles[work].take(limit, &numbers)
        bursts.append(Burst(origin: origin, step: step, units: units))
        inFlight += units
        unsent = range
        return (units, write())
    }

    /// Writes what was begun. Returns how many bytes were written.
    func write() -> Int {
        let transfer = cycles[work].bytes.withUnsafeBytes {
            UnixStream.send(descriptor, UnsafeRawBufferPointer(rebasing: $0[unsent]))
        }
        switch transfer {
        case .moved(let count):
            unsent = unsent.lowerBound + count..<unsent.upperBound
            return count
        case .blocked:
            return 0
        case .closed:
            unsent = 0..<0
            isHalfClosed = true
            return 0
        }
    }

    func lose() {
        isLost = true
        close(descriptor)
    }

    /// Takes note of replies without an error.
    func answer(_ replies: Int, of repliesPerUnit: Int, at now: UInt64, _ measurement: inout Measurement) {
        answeredReplies += replies
        var units = answeredReplies / repliesPerUnit
        guard units > 0 else { return }
        answeredReplies %= repliesPerUnit
        if hasFailed {
            hasFailed = false
            measurement.failedUnits += 1
            finish(1) { _, _ in }
            units -= 1
        }
        measurement.units += units
        finish(units) { origin, times in
            measurement.latencies.record(now - min(origin, now), times: UInt64(times))
        }
    }

    /// Takes note of a reply that is an error.
    func fail(of repliesPerUnit: Int, at now: UInt64, _ measurement: inout Measurement) {
        hasFailed = true
        answer(1, of: repliesPerUnit, at: now, &measurement)
    }

    /// Takes the oldest units off, and hands on since when so many of them have been on their way.
    private func finish(_ units: Int, _ body: (_ origin: UInt64, _ times: Int) -> Void) {
        var rest = min(units, inFlight)
        inFlight -= rest
        while rest > 0 {
            let burst = bursts[firstBurst]
            let taken = min(rest, burst.units - burst.answered)
            if burst.step == 0 {
                body(burst.origin, taken)
            } else {
                for unit in burst.answered..<burst.answered + taken {
                    body(burst.origin + UInt64(saturating: burst.step * Double(unit)), 1)
                }
            }
            rest -= taken
            bursts[firstBurst].answered += taken
            if bursts[firstBurst].answered == burst.units { firstBurst += 1 }
        }
        // The array is a queue whose front is cleared when it has run empty, or has grown long.
        if firstBurst == bursts.count || firstBurst >= 1024 {
            bursts.removeFirst(firstBurst)
            firstBurst = 0
        }
    }
}
