// Owns: a store of a test's own: small segments, a clock that the test sets, and calls that wait for their answer.

import Disk
import EventModel
import Foundation
import SegmentLog
import Synchronization

@testable import EventStore

/// What became of one append, so that a test can say it in a line.
enum Answer: Equatable {
    case appended([UInt64])
    case existing([UInt64])
    case refused(StoreError.Code, [UInt64])

    init(_ outcome: AppendOutcome, records: Int, offset: Int = 0) {
        switch outcome {
        case .appended(let first):
            let first = first.rawValue + UInt64(offset)
            self = .appended(Array(first..<first + UInt64(records)))
        case .existing(let ids): self = .existing(ids.map(\.rawValue))
        case .refused(let error): self = .refused(error.code, error.ids.map(\.rawValue))
        }
    }
}

/// A clock that moves only when it is told to.
final class TestClock: Sendable {
    private let nanoseconds = Atomic<Int64>(1_000_000_000_000)

    var storeClock: StoreClock { StoreClock { Timestamp(nanoseconds: self.nanoseconds.load(ordering: .relaxed)) } }

    func advance(seconds: Int64) { nanoseconds.add(seconds * 1_000_000_000, ordering: .relaxed) }
}

/// Opens, closes and opens again the store of one directory.
final class TestStore {
    let directory = TemporaryDirectory()
    let clock = TestClock()
    let disk: any Disk
    private let notes = Mutex<[String]>([])
    private let failures = Mutex<[StoreError]>([])
    private var opened: EventStore?

    var store: EventStore { opened! }
    var options: StoreOptions
    /// What the store has told its operator, over all its lives.
    var reports: [String] { notes.withLock { $0 } }
    var reportedFailures: [StoreError] { failures.withLock { $0 } }

    init(disk: any Disk = PosixDisk(), _ configure: (inout StoreOptions) -> Void = { _ in }) throws {
        self.disk = disk
        options = StoreOptions(directory: directory.path + "/data")
        options.log.segmentBytes = 1 << 20
        options.log.spareFiles = 1
        options.markAfterMilliseconds = 20
        options.rolls = .unlimited
        configure(&options)
        try open()
    }

    deinit {
        opened?.close()
    }

    /// A store whose reducers are these: name and Lua text. All of them are live projections where `live`.
    convenience init(
        reducers: [String: String],
        live: Bool = true,
        disk: any Disk = PosixDisk(),
        _ configure: (inout StoreOptions) -> Void = { _ in }
    ) throws {
        try self.init(disk: disk)
        for (name, text) in reducers { try directory.write(text, to: "reducers/\(name).lua") }
        try restart { [directory] options in
            options.reducersDirectory = directory.path + "/reducers"
            if live { options.projections = reducers.keys.sorted() }
            configure(&options)
        }
    }

    func close() {
        opened?.close()
        opened = nil
    }

    func restart(_ configure: (inout StoreOptions) -> Void = { _ in }) throws {
        close()
        configure(&options)
        try open()
    }

    private func open() throws {
        opened = try EventStore.open(
            options,
            disk: disk,
            clock: clock.storeClock,
            events: EventStore.Events(
                report: { [weak self] note in self?.notes.withLock { $0.append(note) } },
                failed: { [weak self] error in self?.failures.withLock { $0.append(error) } }
            )
        )
    }
}

// `@unchecked` because a test shares its store only with closures that touch the two locks.
extension TestStore: @unchecked Sendable {}

extension TestStore {
    /// Appends one batch and waits for its outcomes: one answer for each event, or for each transaction.
    @discardableResult
    func batch(_ fill: (AppendBatch) -> Void) -> [Answer] { store.batch(fill) }

    @discardableResult
    func append(_ events: [NewEvent], unless condition: AppendCondition? = nil) -> [Answer] {
        batch { batch in
            for event in events { event.withParts { batch.append($0, unless: condition) } }
        }
    }

    @discardableResult
    func append(_ event: NewEvent, unless condition: AppendCondition? = nil) -> Answer {
        append([event], unless: condition)[0]
    }

    @discardableResult
    func transaction(_ events: [NewEvent], unless condition: AppendCondition? = nil) -> Answer {
        batch { $0.append(Transaction(events, unless: condition)) }[0]
    }

    @discardableResult
    func roll() throws -> ClosedRange<EventID>? {
        let answer = Monitor<Result<ClosedRange<EventID>?, StoreError>?>(nil)
        store.roll { result in answer.update { $0 = result } }
        return try answer.wait { $0 }!.get()
    }

    /// Every event, as reading gives it.
    func all() throws -> [Event] {
        try store.read(.all, count: .max, byteLimit: .max).map(\.event)
    }

    /// The state of a projection as JSON text, once it has caught up.
    func projection(_ name: String, at: Timestamp? = nil, asOf: AsOf? = nil) throws -> String {
        try store.projection(name, at: at, asOf: asOf).json
    }

    /// Appends in small batches, closing segments in between, until the log has compacted, sealed and raw segments.
    func appendAcrossSegments(_ events: [NewEvent]) throws {
        let parts = 8
        for part in 0..<parts {
            append(Array(events[events.count * part / parts..<events.count * (part + 1) / parts]))
            if part < parts - 1 { try roll() }
            if part == parts / 2 { _ = try store.compact() }
        }
    }
}

extension EventStore {
    @discardableResult
    func batch(_ fill: (AppendBatch) -> Void) -> [Answer] {
        let sink = WaitingSink()
        let batch = AppendBatch(sink: sink)
        fill(batch)
        let records = batch.records
        guard submit(batch) else { return [] }
        var answers: [Answer] = []
        for settled in sink.wait(for: records) {
            if settled.isTransaction {
                answers.append(Answer(settled.outcome, records: settled.records))
            } else {
                for offset in 0..<settled.records {
                    answers.append(Answer(settled.outcome, records: 1, offset: offset))
                }
            }
        }
        return answers
    }
}

extension AppendBatch {
    /// A test's batch has one owner: its sink.
    func append(_ event: borrowing NewEventParts, unless condition: AppendCondition? = nil) {
        append(event, by: sink, unless: condition)
    }

    func append(_ transaction: Transaction) { append(transaction, by: sink) }
    func refuse(_ error: StoreError) { refuse(error, to: sink) }
}

extension AppendBatch {
    /// Of all its units.
    var records: Int { units.reduce(0) { $0 + $1.records } }
}

/// Waits for outcomes, and keeps them in the order in which they come.
final class WaitingSink: AppendSink, AppendOwner {
    let work = Work()
    let user: UInt32
    private let settled: Monitor<[AppendBatch.Settled]> = Monitor([])

    init(user: UInt32 = 0) {
        self.user = user
    }

    func complete(_ batches: [AppendBatch]) {
        settled.update { settled in
            for batch in batches { batch.forEachOutcome { settled.append($0) } }
        }
    }

    /// The outcomes so far.
    var soFar: [AppendBatch.Settled] { settled.withLock { $0 } }

    func wait(for records: Int) -> [AppendBatch.Settled] {
        settled.wait { settled in settled.reduce(0) { $0 + $1.records } >= records ? settled : nil } ?? []
    }
}

extension Transaction {
    init(_ events: [NewEvent], unless condition: AppendCondition? = nil) {
        self.init()
        for (index, event) in events.enumerated() {
            event.withParts { append($0, unless: index == 0 ? condition : nil) }
        }
    }
}

extension FoldedState {
    var json: String { String(decoding: stateJSON, as: UTF8.self) }
}

/// Asks until the answer is yes; false after some time. For what other threads do in their own time.
func eventually(_ isSo: () throws -> Bool) rethrows -> Bool {
    let deadline = ContinuousClock.now + .seconds(120)
    while ContinuousClock.now < deadline {
        if try isSo() { return true }
        usleep(2000)
    }
    return try isSo()
}
