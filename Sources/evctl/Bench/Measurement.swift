// Owns: what was measured of one kind of work, and how the shares of several loops and phases add up.

struct Measurement: Sendable {
    /// From sending to the answer, of units that were answered without an error.
    var latencies = Histogram()
    /// Units answered without an error.
    var units = 0
    /// Units answered with an error.
    var failedUnits = 0
    /// Units that were sent and never answered.
    var unansweredUnits = 0
    /// What the answers held: events that were acknowledged, or returned.
    var events = 0
    var sentBytes = 0
    var receivedBytes = 0
    /// How often each error came, by its code.
    var errors: [String: Int] = [:]
    var lostConnections = 0
    /// From the first unit sent to the last answer.
    var nanoseconds: UInt64 = 0
    /// What the loops themselves took of the cores.
    var cpuNanoseconds: UInt64 = 0

    /// Adds what was measured at the same time by another loop.
    mutating func add(beside other: Measurement) {
        add(counts: other)
        nanoseconds = max(nanoseconds, other.nanoseconds)
    }

    /// Adds what was measured at another time.
    mutating func add(after other: Measurement) {
        add(counts: other)
        nanoseconds += other.nanoseconds
    }

    private mutating func add(counts other: Measurement) {
        latencies.merge(other.latencies)
        units += other.units
        failedUnits += other.failedUnits
        unansweredUnits += other.unansweredUnits
        events += other.events
        sentBytes += other.sentBytes
        receivedBytes += other.receivedBytes
        errors.merge(other.errors, uniquingKeysWith: +)
        lostConnections += other.lostConnections
        cpuNanoseconds += other.cpuNanoseconds
    }

    mutating func note(error text: String) {
        errors[String(text.prefix { $0 != " " }), default: 0] += 1
    }

    var seconds: Double { Double(nanoseconds) / 1e9 }

    func perSecond(_ count: Int) -> Double {
        nanoseconds > 0 ? Double(count) / seconds : 0
    }
}
