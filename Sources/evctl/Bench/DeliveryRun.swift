// Owns: how long an event takes to a live subscriber: from sending to the acknowledgement, from there to the delivery, and
// both together.
//
// One thread serves both connections and reads the clock once each time it wakes. A delivery that comes with or before
// its acknowledgement counts as 0.

import EventModel
import EventStoreClient
import EventWire

/// `@unchecked Sendable` because it is handed to the thread that runs it, and used by nobody else meanwhile.
final class DeliveryRun: @unchecked Sendable {
    private static let (metronomeTag, appenderTag, subscriberTag) = (0, 1, 2)
    private static let shortestBeatNanoseconds = 20_000.0
    /// How long nothing may come once everything has been sent.
    private static let patienceNanoseconds: UInt64 = 10_000_000_000

    private let events: Int
    private let interval: Double
    private let watch: LoadWatch
    private let appender: ReplyReader
    private let subscriber: ReplyReader
    private var commands: CommandCycle
    private var numbers: AggregateNumbers
    private let epoll = Epoll()

    private(set) var acknowledgements = Histogram()
    private(set) var deliveries = Histogram()
    private(set) var both = Histogram()
    private(set) var errors: [String: Int] = [:]
    private(set) var isInterrupted = false
    private(set) var nanoseconds: UInt64 = 0
    private(set) var cpuNanoseconds: UInt64 = 0
    private(set) var sent = 0

    /// When events were to be sent that have no answer yet, in order.
    private var pending: [UInt64] = []
    /// Events that were acknowledged and not yet delivered, and the other way round; in order, which is the same for both.
    private var acknowledged: [(id: UInt64, sent: UInt64, at: UInt64)] = []
    private var delivered: [(id: UInt64, at: UInt64)] = []

    /// Connects and subscribes.
    init(socketPath: String, events: Int, rate: Double, seed: UInt64, watch: LoadWatch) throws {
        self.events = events
        interval = 1e9 / rate
        self.watch = watch
        // Nobody else appends to this aggregate, so what is delivered is what was sent.
        let names = AggregateNames(category: "bench-\(UInt64.random(in: 0 ... .max))", aggregates: 1)
        var source = EventSource(seed: seed, aggregates: 4)
        var commands = CommandCycle(names)
        for _ in 0..<min(events, 1000) {
            source.addAppend(to: &commands, names)
            commands.endUnit()
        }
        self.commands = commands
        numbers = AggregateNumbers(names, .inTurn, share: 0, of: 1)
        appender = try ReplyReader(socketPath)
        subscriber = try ReplyReader(socketPath)
        _ = try subscriber.ask(["HELLO", "3"])
        _ = try subscriber.ask(["EV.SUBSCRIBE", "AGGREGATE", names.first(of: 0)])
    }

    /// Appends and receives until everything has been delivered, or will not be.
    func run() throws {
        let metronome = Metronome(periodNanoseconds: UInt64(saturating: max(interval, Self.shortestBeatNanoseconds)))
        epoll.add(metronome.descriptor, tag: Self.metronomeTag)
        epoll.add(appender.descriptor, tag: Self.appenderTag)
        epoll.add(subscriber.descriptor, tag: Self.subscriberTag)
        let (begin, cpu) = (BenchClock.now, BenchClock.threadCPU)
        var (moved, told) = (begin, 0)
        defer {
            nanoseconds = BenchClock.now - begin
            cpuNanoseconds = BenchClock.threadCPU - cpu
        }
        while Int(both.count) + errors.values.reduce(0, +) < events {
            let ready = epoll.wait(milliseconds: 50)
            let now = BenchClock.now
            for index in 0..<ready {
                switch epoll[index].tag {
                case Self.metronomeTag: metronome.acknowledge()
                case Self.appenderTag: try takeAnswers(now)
                default: try takeDeliveries(now)
                }
            }
            match()
            try sendWhatIsDue(BenchClock.now, begin)
            if told < both.count || sent < events { moved = now }
            watch.add(Int(both.count) - told)
            told = Int(both.count)
            isInterrupted = watch.isInterrupted
            if isInterrupted || now - moved > Self.patienceNanoseconds { return }
        }
    }

    private func sendWhatIsDue(_ now: UInt64, _ begin: UInt64) throws {
        let due = min(Int(saturating: Double(now - begin) / interval) + 1, events)
        while sent < due {
            let (units, bytes) = commands.take(due - sent, &numbers)
            for unit in sent..<sent + units { pending.append(begin + UInt64(saturating: interval * Double(unit))) }
            sent += units
            try appender.send(commands.bytes[bytes])
        }
    }

    private func takeAnswers(_ now: UInt64) throws {
        try appender.receive()
        var answered = 0
        defer { pending.removeFirst(answered) }
        while let value = try appender.next() {
            guard answered < pending.count else { throw ClientError.protocolViolation("an answer to nothing") }
            let origin = pending[answered]
            answered += 1
            switch value {
            case .integer(let id) where id >= 0:
                acknowledgements.record(now - min(origin, now))
                acknowledged.append((UInt64(id), origin, now))
            case .error(let error): errors[error.code.rawValue, default: 0] += 1
            default: throw ClientError.protocolViolation("an append was answered with \(value)")
            }
        }
    }

    private func takeDeliveries(_ now: UInt64) throws {
        try subscriber.receive()
        while let value = try subscriber.next() {
            guard case .push(let parts) = value, parts.count == 3, let event = Event(parts[2]) else {
                throw ClientError.protocolViolation("the subscription was ended")
            }
            delivered.append((event.id.rawValue, now))
        }
    }

    private func match() {
        let count = min(acknowledged.count, delivered.count)
        for index in 0..<count {
            let (event, delivery) = (acknowledged[index], delivered[index])
            guard event.id == delivery.id else {
                errors["ORDER", default: 0] += 1
                continue
            }
            deliveries.record(max(delivery.at, event.at) - event.at)
            both.record(delivery.at - min(event.sent, delivery.at))
        }
        acknowledged.removeFirst(count)
        delivered.removeFirst(count)
    }
}
