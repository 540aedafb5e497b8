// Owns: the loop that drives connections as fast as they answer, or at a given rate. It costs the machine as little as it
// can: commands are written from where they lie, replies are only counted, and clocks are read once a burst.
//
// A closed loop keeps the pipeline of each connection full: when half of it has been answered, that half is sent anew. Its
// latencies count from the moment of sending, so a daemon that stalls is asked less meanwhile, and looks better than it
// is to those who do not wait (coordinated omission). An open loop sends by the clock, and its latencies count from the
// moment at which each unit was to be sent.

import Glibc

/// `@unchecked Sendable` because one thread at a time uses it: that of the phase, which ends before the next begins.
final class LoadLoop: @unchecked Sendable {
    /// One stretch of one work.
    struct Phase: Sendable {
        let work: Int
        let repliesPerUnit: Int
        /// What this loop is to send; `.max` where only time ends the phase.
        let units: Int
        let nanoseconds: UInt64?
        /// Between two units of this loop, where they go by the clock.
        let interval: Double?
    }

    private static let tickNanoseconds: UInt64 = 50_000_000
    /// How long answers are waited for after an interruption.
    private static let patienceNanoseconds: UInt64 = 1_000_000_000
    /// Beats that come more often than this only cost.
    private static let shortestBeatNanoseconds = 20_000.0
    private static let metronomeTag = Int(Int32.max)

    private let connections: [LoadConnection]
    private let pipeline: Int
    private let watch: LoadWatch
    private var numbers: AggregateNumbers
    private let epoll = Epoll()
    /// Connections that have not been lost.
    private var alive: Int
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 17, alignment: 64)

    // Of the phase that runs.
    private var phase: Phase
    private var measurement = Measurement()
    private var begin: UInt64 = 0
    private var now: UInt64 = 0
    private var issued = 0
    private var isEnding = false
    private var givesUpAt = UInt64.max
    private var tickedAt: UInt64 = 0
    private var toldUnits = 0
    /// Whose turn it is in an open loop.
    private var turn = 0

    init(connections: [LoadConnection], pipeline: Int, numbers: AggregateNumbers, watch: LoadWatch) {
        self.connections = connections
        self.pipeline = pipeline
        self.numbers = numbers
        self.watch = watch
        phase = Phase(work: 0, repliesPerUnit: 1, units: 0, nanoseconds: nil, interval: nil)
        alive = connections.count
        for (tag, connection) in connections.enumerated() {
            connection.tag = tag
            epoll.add(connection.descriptor, tag: tag)
        }
    }

    deinit {
        buffer.deallocate()
    }

    /// Runs one phase to its end.
    func run(_ phase: Phase) -> Measurement {
        self.phase = phase
        measurement = Measurement()
        (issued, isEnding, givesUpAt, toldUnits) = (0, false, .max, 0)
        for connection in connections { connection.select(work: phase.work) }
        let cpu = BenchClock.threadCPU
        now = BenchClock.now
        (begin, tickedAt) = (now, now)
        let metronome = phase.interval.map {
            Metronome(periodNanoseconds: UInt64(saturating: max($0, Self.shortestBeatNanoseconds)))
        }
        if let metronome { epoll.add(metronome.descriptor, tag: Self.metronomeTag) }
        for connection in connections { refill(connection) }
        sendWhatIsDue()
        while goesOn {
            let ready = epoll.wait(milliseconds: 50)
            now = BenchClock.now
            for index in 0..<ready {
                let readiness = epoll[index]
                if readiness.tag == Self.metronomeTag { metronome?.acknowledge() } else { serve(readiness) }
            }
            sendWhatIsDue()
            tick()
        }
        if let metronome { epoll.remove(metronome.descriptor) }
        measurement.nanoseconds = now - begin
        measurement.cpuNanoseconds = BenchClock.threadCPU - cpu
        measurement.unansweredUnits += inFlight
        tell()
        return measurement
    }

    private var mayIssue: Bool {
        !isEnding && issued < phase.units && phase.nanoseconds.map { now - begin < $0 } ?? true
    }

    private var goesOn: Bool {
        now < givesUpAt && alive > 0 && (mayIssue || inFlight > 0)
    }

    private var inFlight: Int {
        issued - measurement.units - measurement.failedUnits - measurement.unansweredUnits
    }

    private func serve(_ readiness: Epoll.Readiness) {
        let connection = connections[readiness.tag]
        guard !connection.isLost else { return }
        if readiness.canRead { receive(connection) }
        guard !connection.isLost else { return }
        if readiness.canWrite {
            measurement.sentBytes += connection.write()
            if connection.isWritten { epoll.watchWriting(connection.descriptor, tag: connection.tag, false) }
        }
        refill(connection)
    }

    private func receive(_ connection: LoadConnection) {
        while true {
            switch UnixStream.receive(connection.descriptor, into: buffer) {
            case .blocked: return
            case .closed: return lose(connection, "DISCONNECTED")
            case .moved(let count):
                now = BenchClock.now
                measurement.receivedBytes += count
                guard take(connection, UnsafeRawBufferPointer(rebasing: buffer[..<count])) else {
                    return lose(connection, "PROTOCOL")
                }
                // What did not fill the buffer was all there was.
                if count < buffer.count { return }
            }
        }
    }

    /// Counts the replies in some bytes; false where they are none.
    private func take(_ connection: LoadConnection, _ bytes: UnsafeRawBufferPointer) -> Bool {
        var position = 0
        while true {
            let (replies, things) = (connection.scanner.replies, connection.scanner.things)
            let stop = connection.scanner.scan(bytes, from: &position)
            measurement.events += connection.scanner.things - things
            let good = connection.scanner.replies - replies
            switch stop {
            case .end:
                connection.answer(good, of: phase.repliesPerUnit, at: now, &measurement)
                return true
            case .error(let text):
                connection.answer(good - 1, of: phase.repliesPerUnit, at: now, &measurement)
                connection.fail(of: phase.repliesPerUnit, at: now, &measurement)
                measurement.note(error: text)
            case .broken:
                return false
            }
        }
    }

    private func lose(_ connection: LoadConnection, _ code: String) {
        epoll.remove(connection.descriptor)
        connection.lose()
        alive -= 1
        measurement.lostConnections += 1
        measurement.unansweredUnits += connection.inFlight
        measurement.errors[code, default: 0] += 1
    }

    /// Closed loop: sends anew what has been answered, once that is half of the pipeline.
    private func refill(_ connection: LoadConnection) {
        guard phase.interval == nil, connection.inFlight * 2 <= pipeline else { return }
        // The commands lie in a circle, so it may take more than one write.
        while mayIssue, connection.takesMore, connection.inFlight < pipeline {
            send(connection, min(pipeline - connection.inFlight, phase.units - issued), origin: now, step: 0)
        }
    }

    /// Open loop: hands out what is due to the connections that have room, in turn.
    private func sendWhatIsDue() {
        guard let interval = phase.interval else { return }
        let due = min(Int(saturating: Double(now - begin) / interval) + 1, phase.units)
        var skipped = 0
        while mayIssue, issued < due, skipped < connections.count {
            let connection = connections[turn]
            turn = (turn + 1) % connections.count
            guard connection.takesMore, connection.inFlight < pipeline else {
                skipped += 1
                continue
            }
            skipped = 0
            let share = max(1, (due - issued) / connections.count)
            let origin = begin + UInt64(saturating: Double(issued) * interval)
            send(connection, min(share, pipeline - connection.inFlight), origin: origin, step: interval)
        }
    }

    private func send(_ connection: LoadConnection, _ limit: Int, origin: UInt64, step: Double) {
        let sent = connection.send(limit, origin: origin, step: step, &numbers)
        issued += sent.units
        measurement.sentBytes += sent.bytes
        if !connection.isWritten { epoll.watchWriting(connection.descriptor, tag: connection.tag, true) }
    }

    private func tick() {
        guard now - tickedAt >= Self.tickNanoseconds else { return }
        tickedAt = now
        tell()
        if watch.isInterrupted, !isEnding {
            isEnding = true
            givesUpAt = now + Self.patienceNanoseconds
        }
    }

    private func tell() {
        watch.add(measurement.units - toldUnits)
        toldUnits = measurement.units
    }
}
