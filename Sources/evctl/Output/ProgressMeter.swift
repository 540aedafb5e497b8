// Owns: the one line on standard error that says how far a long work is: share, rate and time left.
// Refuses to know: what is counted.

struct ProgressMeter {
    enum Unit {
        case bytes
        case events
        case operations
        case percent
    }

    private static let interval = Duration.milliseconds(100)
    private let unit: Unit
    private let total: UInt64?
    private let isShown: Bool
    private let started = ContinuousClock.now
    private var drawn = ContinuousClock.now
    private var isOnScreen = false

    /// `total` nil: unknown, so that neither share nor time left is shown.
    init(_ unit: Unit, total: UInt64?, isShown: Bool) {
        self.unit = unit
        self.total = total
        self.isShown = isShown
    }

    mutating func update(_ done: UInt64) {
        guard isShown, ContinuousClock.now - drawn >= Self.interval else { return }
        drawn = .now
        isOnScreen = true
        Descriptor.standardError.writeIgnoringErrors("\r\(line(done, elapsed: drawn - started))\u{1B}[K")
    }

    /// Leaves an empty line for what comes next.
    mutating func clear() {
        guard isOnScreen else { return }
        isOnScreen = false
        Descriptor.standardError.writeIgnoringErrors("\r\u{1B}[K")
    }

    /// `imported 1,000 events in 0.1 s, 9,876 a second`
    func summary(_ verb: String, _ events: UInt64) -> String {
        let seconds = (ContinuousClock.now - started).seconds
        let rate = seconds > 0 ? UInt64(saturating: Double(events) / seconds) : 0
        return "\(verb) \(Quantity.counted(events, "event")) in \(Quantity.tenths(seconds)) s, "
            + "\(Quantity.grouped(rate)) a second"
    }

    func line(_ done: UInt64, elapsed: Duration) -> String {
        let seconds = elapsed.seconds
        let rate = seconds > 0 ? Double(done) / seconds : 0
        var parts: [String] = []
        if let total, total > 0 {
            let share = min(1, Double(done) / Double(total))
            let filled = Int(saturating: share * 24)
            parts.append("[\(String(repeating: "#", count: filled))\(String(repeating: ".", count: 24 - filled))]")
            parts.append("\(Int(saturating: share * 100)) %")
        }
        switch unit {
        case .bytes: parts += [Quantity.bytes(Double(done)), "\(Quantity.bytes(rate))/s"]
        case .events: parts += ["\(Quantity.grouped(done)) events", "\(Quantity.grouped(UInt64(saturating: rate)))/s"]
        case .operations:
            parts += ["\(Quantity.grouped(done)) operations", "\(Quantity.grouped(UInt64(saturating: rate)))/s"]
        case .percent: break
        }
        if let total, rate > 0, total > done {
            parts.append("\(Quantity.clock(Double(total - done) / rate)) left")
        }
        return parts.joined(separator: "  ")
    }
}

extension Duration {
    var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}
