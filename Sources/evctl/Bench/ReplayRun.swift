// Owns: one replay: everything up to the tail, decoded and counted.

import EventModel
import EventStoreClient

struct ReplayRun {
    private struct Interrupted: Error {}

    private let after: EventID
    private let tail: EventID
    private var meter: ProgressMeter
    private let interruption: Interruption
    private(set) var events = 0
    private(set) var bytes = 0
    private var nanoseconds: UInt64 = 0
    private var isInterrupted = false

    init(after: EventID, tail: EventID, meter: ProgressMeter, interruption: Interruption) {
        self.after = after
        self.tail = tail
        self.meter = meter
        self.interruption = interruption
    }

    /// Returns whether it was interrupted.
    mutating func run(_ client: EventStoreClient) async throws -> Bool {
        let begin = BenchClock.now
        defer {
            nanoseconds = BenchClock.now - begin
            meter.clear()
        }
        do {
            try await replay(client)
        } catch is Interrupted {
            isInterrupted = true
        }
        return isInterrupted
    }

    private mutating func replay(_ client: EventStoreClient) async throws {
        guard after < tail else { return }
        for try await block in client.replay(after: after) {
            for event in block where event.id <= tail { event.withParts { count($0) } }
            meter.update(UInt64(events))
            if interruption.isRequested { throw Interrupted() }
            // What is appended meanwhile would make it endless.
            if let last = block.last, last.id >= tail { return }
        }
    }

    private mutating func count(_ event: EventParts) {
        events += 1
        bytes += event.category.count + event.aggregateID.count + event.eventType.count + event.data.count
        bytes += event.tags.reduce(event.metadata?.count ?? 0) { $0 + $1.count }
    }

    private func perSecond(_ count: Int) -> Double {
        nanoseconds > 0 ? Double(count) * 1e9 / Double(nanoseconds) : 0
    }

    var summary: String {
        "\(Quantity.grouped(UInt64(events))) events, \(Quantity.bytes(Double(bytes))) in "
            + "\(Quantity.tenths(Double(nanoseconds) / 1e9)) s, \(Quantity.grouped(UInt64(saturating: perSecond(events)))) events and "
            + "\(Quantity.bytes(perSecond(bytes))) a second"
    }

    var json: [UInt8] {
        JSONObjectWriter.object { json in
            json.text("bench", "replay")
            json.object("parameters") { $0.number("after", after.rawValue) }
            json.flag("interrupted", isInterrupted)
            json.thousandths("seconds", nanoseconds / 1_000_000)
            json.number("events", events)
            json.thousandths("events_per_second", UInt64(saturating: perSecond(events) * 1000))
            json.number("bytes", bytes)
            json.thousandths("bytes_per_second", UInt64(saturating: perSecond(bytes) * 1000))
        }
    }
}
