// Owns: one import from first line to last: what is sent, what is skipped, how far it is done, and what ends it.
//
// Done is the number of leading lines that need not be sent again. Lines are sent ahead of their outcomes, so when the
// store refuses one, some behind it may have been appended already; then those count as done, every refused line among
// them is named, and the import ends there.

import EventModel
import EventNDJSON
import EventStoreClient

struct ImportRun {
    private static let recordInterval = Duration.seconds(1)

    private let keepsGoing: Bool
    private let skippedLines: UInt64
    private let resumeFile: ResumeFile?
    private let interruption: Interruption
    private let note: (String) -> Void

    private var pipeline: ImportPipeline
    private var reader: LineReader
    private var meter: ProgressMeter
    private var recorded = ContinuousClock.now
    /// Lines that have been looked at: sent, empty, or skipped.
    private var handledLines: UInt64 = 0
    /// The first line that the store refused, which ends the import.
    private var refusal: (line: UInt64, error: StoreError)?
    /// Lines refused after it that no appended line has followed so far; they will be sent again.
    private var laterRefusals: [(line: UInt64, error: StoreError)] = []

    /// Leading lines that are done.
    private(set) var doneLines: UInt64
    private(set) var appended: UInt64 = 0
    private(set) var badLines: UInt64 = 0

    init(
        reading descriptor: Descriptor,
        keepsGoing: Bool = false,
        skippedLines: UInt64 = 0,
        resumeFile: ResumeFile? = nil,
        meter: ProgressMeter,
        interruption: Interruption,
        note: @escaping (String) -> Void,
        append: @escaping ImportPipeline.Append
    ) {
        self.keepsGoing = keepsGoing
        self.skippedLines = skippedLines
        self.resumeFile = resumeFile
        self.interruption = interruption
        self.note = note
        self.meter = meter
        pipeline = ImportPipeline(append: append)
        reader = LineReader(descriptor)
        doneLines = skippedLines
    }

    /// Runs to the end of the input or to what ends it before. Whatever was read until then has been settled, unless
    /// the connection broke.
    mutating func run() async throws {
        let ending = await sendAndSettle()
        try resumeFile?.record(doneLines)
        if let ending { throw ending }
    }

    func summary() -> String {
        meter.summary("imported", appended) + (badLines > 0 ? "; \(badLines) lines skipped" : "")
    }

    /// Returns what ended it early.
    private mutating func sendAndSettle() async -> (any Error)? {
        do {
            try await sendLines()
            return nil
        } catch let error as ClientError {
            return error
        } catch {
            do {
                // What was read before a bad line is finished first; if that fails, that is what ended it.
                try await settle()
                return error
            } catch {
                return error
            }
        }
    }

    private mutating func sendLines() async throws {
        defer { meter.clear() }
        while true {
            switch try reader.next() {
            case .line(let line):
                if reader.lines > skippedLines { try await send(line) }
                handledLines = reader.lines
            case .pause:
                try await settle()
            case .end:
                try await settle()
                guard handledLines >= skippedLines else {
                    throw Failure(.usage, "\(skippedLines) lines to skip, but the input has \(handledLines)")
                }
                return
            }
            if interruption.isRequested { throw Failure(.interrupted, "interrupted") }
        }
    }

    private mutating func send(_ line: [UInt8]) async throws {
        guard line.contains(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }) else { return }
        let event: NewEvent
        do {
            event = try EventLine.event(line)
        } catch {
            guard keepsGoing else { throw Failure(.error, "line \(reader.lines): \(error)") }
            skip(reader.lines, "\(error)")
            return
        }
        try take(await pipeline.add(event, line: reader.lines))
        if refusal != nil {
            pipeline.discard()
            try await settle()
        }
    }

    /// Waits for everything under way. Throws what the store refused, if it refused anything.
    private mutating func settle() async throws {
        pipeline.flush()
        while let outcomes = try await pipeline.oldestOutcomes() { try take(outcomes) }
        if let refusal { throw Failure(ExitStatus(of: refusal.error.code), "line \(refusal.line): \(refusal.error)") }
        doneLines = max(doneLines, handledLines)
    }

    private mutating func take(_ outcomes: [ImportPipeline.Outcome]) throws {
        for outcome in outcomes {
            switch outcome.result {
            case .success:
                appended += 1
                doneLines = outcome.line
                for late in laterRefusals { note("line \(late.line): \(late.error)") }
                laterRefusals.removeAll()
            case .failure(let error) where keepsGoing && error.code.isAboutTheEvent:
                doneLines = outcome.line
                skip(outcome.line, "\(error)")
            case .failure(let error) where refusal == nil:
                refusal = (outcome.line, error)
            case .failure(let error):
                laterRefusals.append((outcome.line, error))
            }
        }
        meter.update(reader.bytes)
        if let resumeFile, ContinuousClock.now - recorded >= Self.recordInterval {
            try resumeFile.record(doneLines)
            recorded = .now
        }
    }

    private mutating func skip(_ line: UInt64, _ reason: String) {
        badLines += 1
        meter.clear()
        note("line \(line) skipped: \(reason)")
    }
}

extension StoreError.Code {
    /// Whether the store refused this event and would take another; else it takes none.
    fileprivate var isAboutTheEvent: Bool {
        switch self {
        case .invalid, .tooBig, .conflict, .noPermission: true
        case .notFound, .noSpace, .loading, .corrupt, .later, .failed, .budget, .lagging, .other: false
        }
    }
}
