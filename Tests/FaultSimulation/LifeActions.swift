// Owns: what a life does with its log between two crashes.

import Disk
import DiskSimulation
import SegmentLog

extension Life {
    /// What can be done with a log.
    enum Action {
        case append, say, mark, roll, index, seal, compact, replenish, snapshot
        case look, read, count, lastRecorded, scrub
        /// The disk becomes full; space returns.
        case fill, makeSpace
        /// The next sync of a directory fails.
        case failDirectorySync

        /// Most of all, appends.
        static func random(_ random: inout SeededRandom) -> Action {
            switch Int.random(in: 0..<36, using: &random) {
            case 0, 1: .mark
            case 2...4: .roll
            case 5, 6: .seal
            case 7: .compact
            case 8, 9: .replenish
            case 10: .snapshot
            case 11: .look
            case 12: .read
            case 13: .count
            case 14: .lastRecorded
            case 15: .scrub
            case 16, 17: .say
            case 18, 19: .index
            default: .append
            }
        }
    }

    /// Does one thing after the other until the disk is down or something is wrong.
    mutating func act(_ actions: [Action], _ generation: inout Generation, _ plan: Plan) {
        for action in actions {
            trace?("  operation \(disk.operations), after \(known.lastID): \(action)")
            do throws(LogError) {
                try act(action, &generation)
            } catch {
                if disk.isDown { return }
                note(error, &generation, plan)
            }
            guard violations.isEmpty else { return }
        }
    }

    private mutating func act(_ action: Action, _ generation: inout Generation) throws(LogError) {
        switch action {
        case .append: try append(&generation)
        case .say: try say(&generation)
        case .mark: try write(&generation) { writer throws(LogError) in try writer.mark() }
        case .roll: try generation.writer.roll()
        case .index:
            _ = try generation.log.makeKeys()
            try generation.log.followActive()
        case .seal: _ = try generation.log.sealOldest()
        case .compact: _ = try generation.log.compact(.everything)
        case .replenish: _ = try generation.log.replenishSpares()
        case .snapshot: snapshot(generation)
        case .look: try look(&generation)
        case .read: try readAny(&generation)
        case .count: try count(&generation)
        case .lastRecorded: try lastRecorded(generation)
        case .scrub: try scrub(generation)
        case .fill: disk.fillUp()
        case .makeSpace: disk.makeSpace()
        case .failDirectorySync: disk.failNext(.syncDirectory)
        }
    }

    /// What to make of an error that an action ended with.
    private mutating func note(_ error: LogError, _ generation: inout Generation, _ plan: Plan) {
        trace?("  \(error)")
        guard isExcused(error, plan) else {
            violations.append("\(error)")
            return
        }
        if error.isNoSpace, !isScripted, Int.random(in: 0..<3, using: &random) == 0 { disk.makeSpace() }
    }

    /// Has the writer write to the active segment. Where that fails, it must not succeed again.
    private mutating func write(
        _ generation: inout Generation,
        _ body: (LogWriter) throws(LogError) -> Void
    ) throws(LogError) {
        do throws(LogError) {
            try body(generation.writer)
        } catch {
            generation.hasFailed = true
            throw error
        }
    }

    /// Commits some records as one frame, after a roll where they do not fit.
    mutating func append(_ generation: inout Generation, isSmall: Bool = false) throws(LogError) {
        clock += Int64.random(in: 0...3, using: &random)
        let writer = generation.writer
        let draft = draft(maximumBytes: isSmall ? 600 : writer.maximumCommitBytes - 1_200)
        let first = writer.nextID
        guard first > known.lastID, mayHaveHoles || first == known.lastID.next else {
            violations.append("the next id is \(first) after \(known.lastID)")
            return
        }
        var frame = CommitFrame(firstID: first, recordedAt: max(RecordTime(clock), known.lastRecordedAt))
        frame.add(draft.buffer, 0..<draft.buffer.byteCount, records: draft.times.count)
        var submitted = draft.committed(from: first, at: frame.recordedAt)
        if !isSmall, nextNumber.isMultiple(of: 3) { submitted.controls = [anyControl()] }
        try commit(&frame, submitted, &generation)
    }

    /// Commits what the store says of itself, without an event.
    private mutating func say(_ generation: inout Generation) throws(LogError) {
        clock += 1
        let recordedAt = max(RecordTime(clock), known.lastRecordedAt)
        var frame = CommitFrame(firstID: generation.writer.nextID, recordedAt: recordedAt)
        nextNumber += 1
        try commit(&frame, KnownFrame(records: [], controls: [anyControl(), anyControl()]), &generation)
    }

    private mutating func anyControl() -> KnownControl {
        let subject = "subject-\(Int.random(in: 0..<4, using: &random))"
        nextWord += 1
        let size = Int.random(in: 0..<16, using: &random) == 0 ? 900 : 8
        return KnownControl(
            subject: Array(subject.utf8),
            payload: noise(size, seed: nextWord) + [UInt8(nextWord & 0xFF)]
        )
    }

    private mutating func commit(
        _ frame: inout CommitFrame,
        _ submitted: KnownFrame,
        _ generation: inout Generation
    ) throws(LogError) {
        for control in submitted.controls { frame.addControl(subject: control.subject, payload: control.payload) }
        known.say(submitted)
        try generation.writer.reserve(byteCount: frame.byteCount)
        let hadFailed = generation.hasFailed
        // A writer that has failed writes nothing more: what may be found is still the commit at which it did.
        if !hadFailed { underWay = submitted }
        let whole = frame
        try write(&generation) { writer throws(LogError) in try writer.commit(whole) }
        if hadFailed { violations.append("a commit succeeds after one has failed") }
        known.append(submitted)
        underWay = nil
    }

    /// One to four records of any size, or now and then many.
    private mutating func draft(maximumBytes: Int) -> Draft {
        var draft = Draft(firstNumber: nextNumber)
        let wanted =
            Int.random(in: 0..<12, using: &random) == 0
            ? Int.random(in: 10...60, using: &random) : Int.random(in: 1...4, using: &random)
        for _ in 0..<wanted {
            let size = [0, 1, 20, 60, 60, 500, 500, 3_000, 6_000][Int.random(in: 0..<9, using: &random)]
            guard draft.times.isEmpty || draft.buffer.byteCount + size + 200 <= maximumBytes else { break }
            let time = Bool.random(using: &random) ? nil : RecordTime(Int64.random(in: 0...2_000, using: &random))
            draft.add(payloadBytes: min(size, maximumBytes - 200), time: time)
        }
        nextNumber += draft.times.count
        return draft
    }

    /// Looks at some of what has lain untouched.
    private mutating func scrub(_ generation: Generation) throws(LogError) {
        var scrub = Scrub(generation.log)
        for _ in 0..<Int.random(in: 1...20, using: &random) {
            guard let step = try scrub.next() else { return }
            if let problem = step.problem, !mayHaveHoles { violations.append("the scrub finds \(problem)") }
        }
        if !mayHaveHoles, !generation.log.damage.isEmpty {
            violations.append("the scrub finds damage: \(generation.log.damage)")
        }
    }

    private mutating func snapshot(_ generation: Generation) {
        guard known.lastID > .zero, known.lastID == generation.log.view.tail else { return }
        // A snapshot that cannot be taken is no fault of the log, which goes on.
        try? generation.ladder.save(known, at: known.lastID)
    }
}

/// Records that are to be committed as one frame.
private struct Draft {
    let firstNumber: Int
    let buffer = RecordBuffer()
    private(set) var times: [RecordTime?] = []

    init(firstNumber: Int) {
        self.firstNumber = firstNumber
    }

    mutating func add(payloadBytes: Int, time: RecordTime?) {
        let number = firstNumber + times.count
        let keys = KnownKeys.of(number)
        let payload = noise(payloadBytes, seed: number)
        let bodyBytes = RecordBody.bytes(
            keyCount: keys.count,
            keyBytes: keys.reduce(0) { $0 + $1.count },
            payloadBytes: payloadBytes
        )
        buffer.append(time: time, keyCount: keys.count, bodyBytes: bodyBytes) { body in
            for key in keys { key[1...].withUnsafeBytes { body.key(kind: key[0], $0) } }
            payload.withUnsafeBytes { body.payload($0) }
        }
        times.append(time)
    }

    /// What the log must give back once they are committed.
    func committed(from first: RecordID, at recordedAt: RecordTime) -> KnownFrame {
        var frame = KnownFrame(records: [])
        buffer.forEachRecord(in: 0..<buffer.byteCount) { body, _ in
            let index = frame.records.count
            frame.records.append(
                KnownRecord(
                    id: first.advanced(by: index),
                    time: times[index] ?? recordedAt,
                    recordedAt: recordedAt,
                    body: Array(body),
                    number: firstNumber + index
                )
            )
        }
        return frame
    }
}
