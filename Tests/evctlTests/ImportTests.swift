import EventModel
import EventStoreClient
import Glibc
import Synchronization
import Testing

@testable import evctl

/// A store of nothing but names of aggregates, which refuses some and breaks when told to.
private final class FakeStore: Sendable {
    let aggregates = Mutex<[String]>([])
    let refuse: @Sendable (String) -> StoreError?
    let breakAfter: Int

    init(breakAfter: Int = .max, refuse: @escaping @Sendable (String) -> StoreError? = { _ in nil }) {
        self.refuse = refuse
        self.breakAfter = breakAfter
    }

    /// Takes the batch at once, as the client does, and answers some time later.
    func append(_ events: [NewEvent]) async throws(ClientError) -> ImportPipeline.Outcomes {
        let outcomes: ImportPipeline.Outcomes? = aggregates.withLock { aggregates in
            guard aggregates.count + events.count <= breakAfter else { return nil }
            return events.map { event in
                if let error = refuse(event.aggregateID) { return .failure(error) }
                aggregates.append(event.aggregateID)
                return .success(EventID(UInt64(aggregates.count)))
            }
        }
        await Task.yield()
        guard let outcomes else { throw ClientError.outcomeUnknown(reason: "the daemon is gone") }
        return outcomes
    }
}

/// A store that takes a batch, and loses its connection before it can say so; once. It knows its events by their ids.
private final class ForgetfulStore: Sendable {
    let aggregates = Mutex<[String]>([])
    private let known = Mutex<Set<EventUUID>>([])
    private let lossAt: Mutex<Int?>

    init(answersLost: Int) { lossAt = Mutex(answersLost) }

    func append(_ events: [NewEvent]) async throws(ClientError) -> ImportPipeline.Outcomes {
        for event in events {
            let isNew = known.withLock { known in event.uuid.map { known.insert($0).inserted } ?? true }
            if isNew { aggregates.withLock { $0.append(event.aggregateID) } }
        }
        let count = aggregates.withLock { $0.count }
        let isLost = lossAt.withLock { lossAt in
            guard let at = lossAt, count >= at else { return false }
            lossAt = nil
            return true
        }
        if isLost { throw ClientError.outcomeUnknown(reason: "the daemon is gone") }
        return events.map { _ in .success(EventID(UInt64(count))) }
    }
}

@Suite("Import")
struct ImportTests {
    func line(_ number: Int) -> String {
        #"{"category":"c","event_type":"t","aggregate_id":"\#(number)"}"#
    }

    /// A file without a name, to be read from its beginning.
    private func file(_ text: String) -> Descriptor {
        var template = Array("/tmp/evctl-tests-XXXXXX".utf8CString)
        let number = mkstemp(&template)
        unlink(template)
        try! Descriptor(number).write(Array(text.utf8))
        lseek(number, 0, SEEK_SET)
        return Descriptor(number)
    }

    private func run(
        _ text: String,
        into store: FakeStore,
        keepsGoing: Bool = false,
        skippedLines: UInt64 = 0,
        resumeFile: ResumeFile? = nil
    ) -> ImportRun {
        ImportRun(
            reading: file(text),
            keepsGoing: keepsGoing,
            skippedLines: skippedLines,
            resumeFile: resumeFile,
            meter: ProgressMeter(.bytes, total: nil, isShown: false),
            interruption: Interruption(),
            note: { _ in },
            append: store.append
        )
    }

    func text(_ lines: ClosedRange<Int>) -> String {
        lines.map { line($0) + "\n" }.joined()
    }

    func failure(_ run: inout ImportRun) async -> Failure? {
        do {
            try await run.run()
            return nil
        } catch {
            return error as? Failure ?? Failure(.error, "\(error)")
        }
    }

    @Test("appends every line, in the order of the lines, though many batches are under way")
    func order() async throws {
        let store = FakeStore()
        var run = run(text(1...20_000), into: store)
        try await run.run()
        #expect(run.appended == 20_000 && run.doneLines == 20_000)
        #expect(store.aggregates.withLock { $0 } == (1...20_000).map(String.init))
    }

    @Test("a bad line ends it, after everything before the line and nothing behind it")
    func badLine() async {
        let store = FakeStore()
        var run = run(text(1...1000) + "{\"oops\":1}\n" + text(1002...2000), into: store)
        let failure = await failure(&run)
        #expect(failure?.status == .error)
        #expect(failure?.message.hasPrefix("line 1001: unknown field “oops”") == true)
        #expect(run.doneLines == 1000)
        #expect(store.aggregates.withLock { $0.count } == 1000)
    }

    @Test("with --keep-going bad lines are counted, wherever they are found out")
    func keepGoing() async throws {
        let store = FakeStore { $0 == "5" ? StoreError(.tooBig, "too big") : nil }
        var run = run(text(1...10) + "nonsense\n\n" + text(11...12), into: store, keepsGoing: true)
        try await run.run()
        #expect(run.appended == 11 && run.badLines == 2 && run.doneLines == 14)
    }

    @Test("a line that the store refuses ends it, and what was appended behind the line counts as done")
    func refused() async {
        let store = FakeStore { $0 == "300" ? StoreError(.invalid, "no") : nil }
        var run = run(text(1...512), into: store)
        let failure = await failure(&run)
        #expect(failure?.message == "line 300: INVALID no")
        #expect(run.doneLines == 512 && run.appended == 511)
    }

    @Test("a full disk ends it even with --keep-going, and the lines it refused are to be sent again")
    func fullDisk() async {
        let store = FakeStore { Int($0)! > 700 ? StoreError(.noSpace, "full") : nil }
        var run = run(text(1...5000), into: store, keepsGoing: true)
        let failure = await failure(&run)
        #expect(failure == Failure(.readOnlyOrFull, "line 701: NOSPC full"))
        #expect(run.doneLines == 700)
    }

    @Test("a broken connection leaves the outcome unknown and says how many lines are done")
    func broken() async {
        let store = FakeStore(breakAfter: 1500)
        var run = run(text(1...5000), into: store)
        do {
            try await run.run()
            Issue.record("finished")
        } catch {
            let failure = ImportCommand.failure(error, doneLines: run.doneLines, hasResumeFile: false)
            #expect(failure.status == .outcomeUnknown)
            #expect(
                failure.message.contains("\(run.doneLines) lines are done; --skip-lines \(run.doneLines) continues")
            )
        }
        #expect(run.doneLines == UInt64(store.aggregates.withLock { $0.count }))
    }

    @Test(
        "an import whose outcome became unknown is run again without harm: lines that carry an id are in the store once"
    )
    func again() async throws {
        let store = ForgetfulStore(answersLost: 700)
        let lines = (1...2000).map {
            #"{"category":"c","event_type":"t","aggregate_id":"\#($0)","id":"00000000-0000-0000-0000-\#(100_000_000_000 + $0)"}"#
        }
        func run(skipping done: UInt64) -> ImportRun {
            ImportRun(
                reading: file(lines.joined(separator: "\n")),
                skippedLines: done,
                meter: ProgressMeter(.bytes, total: nil, isShown: false),
                interruption: Interruption(),
                note: { _ in },
                append: store.append
            )
        }
        var first = run(skipping: 0)
        do {
            try await first.run()
            Issue.record("finished")
        } catch {
            let failure = ImportCommand.failure(error, doneLines: first.doneLines, hasResumeFile: false)
            #expect(failure.status == .outcomeUnknown && failure.status.rawValue == 8)
        }
        // More than it could know of is in the store.
        #expect(first.doneLines < store.aggregates.withLock { UInt64($0.count) })
        var second = run(skipping: first.doneLines)
        try await second.run()
        #expect(store.aggregates.withLock { $0 } == (1...2000).map(String.init))
    }

    @Test("--skip-lines begins behind so many lines, and refuses a shorter input")
    func skipLines() async throws {
        let store = FakeStore()
        var run = run(text(1...100), into: store, skippedLines: 40)
        try await run.run()
        #expect(store.aggregates.withLock { $0 } == (41...100).map(String.init))
        #expect(run.doneLines == 100)
        var beyond = self.run(text(1...10), into: store, skippedLines: 40)
        #expect(await failure(&beyond)?.status == .usage)
    }

    @Test("what a pipe has held so far is appended before it says more")
    func pause() async throws {
        var ends: [Int32] = [0, 0]
        pipe(&ends)
        let (input, output) = (Descriptor(ends[0]), Descriptor(ends[1]))
        try output.write(Array(text(1...3).utf8))
        let store = FakeStore { aggregate in
            // The writer waits for the third event to arrive before it ends.
            if aggregate == "3" { close(output.number) }
            return nil
        }
        var run = ImportRun(
            reading: input,
            meter: ProgressMeter(.bytes, total: nil, isShown: false),
            interruption: Interruption(),
            note: { _ in },
            append: store.append
        )
        try await run.run()
        #expect(run.appended == 3)
    }

    @Test("an interruption lets what was read be appended, and says how far that is")
    func interrupted() async {
        let store = FakeStore()
        let interruption = Interruption()
        interruption.deferToCommand()
        interruption.interrupt()
        var run = ImportRun(
            reading: file(text(1...100)),
            meter: ProgressMeter(.bytes, total: nil, isShown: false),
            interruption: interruption,
            note: { _ in },
            append: store.append
        )
        #expect(await failure(&run)?.status == .interrupted)
        #expect(run.doneLines == UInt64(store.aggregates.withLock { $0.count }))
    }

    @Test("a resume file makes the second run continue where the first ended")
    func resume() async throws {
        let path = "/tmp/evctl-tests-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        defer { unlink(path) }
        let file = ResumeFile(path: path)
        #expect(try file.lines() == 0)
        let store = FakeStore { $0 == "900" ? StoreError(.noSpace, "full") : nil }
        var first = run(text(1...900), into: store, resumeFile: file)
        #expect(await failure(&first)?.status == .readOnlyOrFull)
        #expect(try file.lines() == 899)
        let emptied = FakeStore()
        var second = run(text(1...950), into: emptied, skippedLines: try file.lines(), resumeFile: file)
        try await second.run()
        #expect(emptied.aggregates.withLock { $0 } == (900...950).map(String.init))
        #expect(try file.lines() == 950)
        #expect(access(path + ".new", F_OK) != 0)
    }

    @Test("a file that is no resume file is refused")
    func noResumeFile() throws {
        let path = "/tmp/evctl-tests-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        defer { unlink(path) }
        let number = open(path, O_WRONLY | O_CREAT, 0o600)
        try Descriptor(number).write(Array("{}\n".utf8))
        close(number)
        #expect(throws: Failure.self) { try ResumeFile(path: path).lines() }
    }
}
