// Owns: one import from first line to last: what is sent, what is skipped, how far it is done, and what ends it.
//
// One batch is under way while the next is gathered, and the next is sent only when all of the last has been settled. So
// the lines that are done are the first so many of the input, whenever and however it ends: each of them is in the store
// or was skipped, and none behind them is in the store, but for the batch whose outcome is unknown.

import EventModel
import EventNDJSON
import EventStoreClient

struct ImportRun {
    private static let recordInterval = Duration.seconds(1)

    /// Where it begins, and how it goes on.
    struct Plan {
        var keepsGoing = false
        /// Lines that are done already.
        var skippedLines: UInt64 = 0
        /// With a file that remembers: what it holds, with the lines that are done already.
        var resume: (file: ResumeFile, record: ResumeRecord)?
        var batchEvents = ImportBatch.usualEvents
    }

    private let plan: Plan
    private let interruption: Interruption
    private let note: (String) -> Void
    private let append: ImportBatch.Append

    private var gathered: ImportBatch
    private var underWay: Task<ImportSettlement, Never>?
    private var reader: LineReader
    private var meter: ProgressMeter
    private var recorded = ContinuousClock.now
    /// Behind the lines that have been looked at: gathered, blank, or skipped.
    private var handled = InputPosition()
    private var tally: ImportTally

    /// Behind the leading lines that are done.
    private var done: InputPosition
    private(set) var skipped: UInt64 = 0

    var doneLines: UInt64 { done.lines }
    var added: UInt64 { tally.added }
    var present: UInt64 { tally.present }

    init(
        reading reader: LineReader,
        plan: Plan = Plan(),
        meter: ProgressMeter,
        interruption: Interruption,
        note: @escaping (String) -> Void,
        append: @escaping ImportBatch.Append
    ) {
        self.plan = plan
        self.interruption = interruption
        self.note = note
        self.meter = meter
        self.append = append
        self.reader = reader
        gathered = ImportBatch(maximumEvents: plan.batchEvents)
        tally = ImportTally()
        done = plan.resume?.record.done ?? InputPosition(lines: plan.skippedLines)
    }

    /// Runs to the end of the input or to what ends it before. Whatever was read until then has been settled, unless
    /// the store refused or the connection broke.
    mutating func run() async throws {
        // What the ids are made from must be known to whoever goes on, before the first of them is in the store.
        try record()
        var ending: (any Error)?
        do {
            try await sendLines()
        } catch {
            ending = error
            if !(error is ImportEnding) {
                // What was read before is finished first; if that fails, that is what ended it.
                do { try await settle() } catch { ending = error }
            }
        }
        meter.clear()
        try record()
        if let ending { throw ending }
    }

    func summary() -> String {
        meter.summary("imported", added)
            + (present > 0 ? "; \(Quantity.grouped(present)) \(present == 1 ? "was" : "were") there already" : "")
            + (skipped > 0 ? "; \(Quantity.counted(skipped, "line")) skipped" : "")
    }

    private mutating func sendLines() async throws {
        let first = done
        while true {
            switch try reader.next() {
            case .line(let line):
                if reader.position.lines > first.lines {
                    try await handle(line)
                } else if reader.position.lines == first.lines, let file = plan.resume?.file {
                    guard reader.position == first else {
                        throw Failure(.usage, "\(file.path) is of another input: its first \(first.lines) lines differ")
                    }
                }
                handled = reader.position
            case .overlong:
                let line = reader.position.lines + 1
                if line > first.lines { try skip(line, InputLine.overlong(reader.maximumLineBytes)) }
            case .pause:
                try await settle()
            case .end:
                handled = reader.position
                guard handled.lines >= first.lines else {
                    throw Failure(.usage, "\(first.lines) lines to skip, but the input has \(handled.lines)")
                }
                try await settle()
                return
            }
            if interruption.isRequested { throw Failure(.interrupted, "interrupted") }
        }
    }

    private mutating func handle(_ line: [UInt8]) async throws {
        let event: NewEvent?
        do {
            event = try InputLine.event(line)
        } catch {
            try skip(reader.position.lines, "\(error)")
            return
        }
        guard var event else { return }
        if event.identifier == nil {
            event.identifier = plan.resume?.record.identity.id(ofLine: reader.position.lines).description
        }
        if !gathered.hasRoom(for: event) { try await send() }
        gathered.add(event, at: reader.position)
    }

    private mutating func skip(_ line: UInt64, _ reason: String) throws {
        guard plan.keepsGoing else { throw Failure(.error, "line \(line): \(reason)") }
        skipped += 1
        meter.clear()
        note("line \(line) skipped: \(reason)")
    }

    /// Sends what is gathered, once what was sent before has been settled.
    private mutating func send() async throws {
        try await finish()
        let (batch, append, keepsGoing) = (gathered, append, plan.keepsGoing)
        gathered = ImportBatch(maximumEvents: plan.batchEvents)
        underWay = Task { await batch.settle(keepsGoing: keepsGoing, append: append) }
    }

    /// Waits until all lines that have been looked at are done.
    private mutating func settle() async throws {
        try await send()
        try await finish()
        done = max(done, handled)
    }

    /// Waits for the batch under way, and throws what ended it early.
    private mutating func finish() async throws {
        guard let settlement = await underWay?.value else { return }
        underWay = nil
        tally.count(settlement.receipts)
        if let position = settlement.done { done = position }
        for refusal in settlement.refusals { try skip(refusal.line, "\(refusal.error)") }
        if let ending = settlement.ending { throw ending }
        meter.update(reader.bytes)
        if ContinuousClock.now - recorded >= Self.recordInterval { try record() }
    }

    private mutating func record() throws {
        guard let resume = plan.resume else { return }
        var record = resume.record
        record.done = done
        try resume.file.write(record)
        recorded = .now
    }
}

extension InputPosition: Comparable {
    static func < (left: InputPosition, right: InputPosition) -> Bool {
        left.lines < right.lines
    }
}
