import EventModel
import EventStoreClient
import Glibc
import Synchronization
import Testing

@testable import evctl

/// A store of nothing but names of aggregates. It takes a batch or refuses it as a whole, knows its events by their ids, and
/// breaks when told to: once, after it has taken a batch and before it says so.
private final class FakeStore: Sendable {
    let aggregates = Mutex<[String]>([])
    private let known = Mutex<[String: EventID]>([:])
    private let refuse: @Sendable (String) -> StoreError?
    private let lossAt: Mutex<Int?>

    init(answerLostAt: Int? = nil, refuse: @escaping @Sendable (String) -> StoreError? = { _ in nil }) {
        self.refuse = refuse
        lossAt = Mutex(answerLostAt)
    }

    func append(_ events: [NewEvent]) async throws(ClientError) -> [AppendReceipt] {
        for event in events {
            if let error = refuse(event.aggregateID) { throw .store(error) }
        }
        let there = known.withLock { known in events.map { event in event.identifier.flatMap { known[$0] } } }
        guard there.allSatisfy({ $0 == nil }) || !there.contains(nil) else {
            throw .store(StoreError(.conflict, "some events have been appended before, others not"))
        }
        let receipts =
            there.contains(nil)
            ? take(events).map { AppendReceipt(id: $0, existed: false) }
            : there.compactMap { $0 }.map { AppendReceipt(id: $0, existed: true) }
        await Task.yield()
        let isLost = lossAt.withLock { lossAt in
            guard let at = lossAt, aggregates.withLock({ $0.count }) >= at else { return false }
            lossAt = nil
            return true
        }
        if isLost { throw .outcomeUnknown(reason: "the daemon is gone") }
        return receipts
    }

    private func take(_ events: [NewEvent]) -> [EventID] {
        events.map { event in
            let id = aggregates.withLock { aggregates in
                aggregates.append(event.aggregateID)
                return EventID(UInt64(aggregates.count))
            }
            if let identifier = event.identifier { known.withLock { $0[identifier] = id } }
            return id
        }
    }
}

@Suite("Import")
struct ImportTests {
    func done(_ lines: Int) -> String { lines == 1 ? "1 line is done" : "\(lines) lines are done" }

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
        maximumLineBytes: Int = 1 << 20,
        interruption: Interruption = Interruption(),
        note: @escaping (String) -> Void = { _ in },
        plan: ImportRun.Plan = ImportRun.Plan()
    ) -> ImportRun {
        run(file(text), into: store, maximumLineBytes: maximumLineBytes, interruption, note, plan)
    }

    private func run(
        _ descriptor: Descriptor,
        into store: FakeStore,
        maximumLineBytes: Int = 1 << 20,
        _ interruption: Interruption = Interruption(),
        _ note: @escaping (String) -> Void = { _ in },
        _ plan: ImportRun.Plan = ImportRun.Plan()
    ) -> ImportRun {
        var plan = plan
        plan.batchEvents = 1024
        return ImportRun(
            reading: LineReader(descriptor, maximumLineBytes: maximumLineBytes),
            plan: plan,
            meter: ProgressMeter(.bytes, total: nil, isShown: false),
            interruption: interruption,
            note: note,
            append: store.append
        )
    }

    private func text(_ lines: ClosedRange<Int>) -> String {
        lines.map { line($0) + "\n" }.joined()
    }

    /// How a run ended; nil where it came to the end of the input.
    private func failure(_ run: inout ImportRun, hasResumeFile: Bool = false) async -> Failure? {
        do {
            try await run.run()
            return nil
        } catch {
            return ImportCommand.failure(error, doneLines: run.doneLines, hasResumeFile: hasResumeFile)
        }
    }

    @Test("appends every line, in the order of the lines")
    func order() async throws {
        let store = FakeStore()
        var run = run(text(1...5000), into: store)
        try await run.run()
        #expect(run.added == 5000 && run.doneLines == 5000)
        #expect(store.aggregates.withLock { $0 } == (1...5000).map(String.init))
    }

    @Test(
        "a line that is no event ends it: everything before it is in the store, nothing behind it is",
        arguments: [1, 2, 1000, 1024, 1025, 3000]
    )
    func badLine(number: Int) async {
        let store = FakeStore()
        let before = number > 1 ? text(1...number - 1) : ""
        var run = run(before + "{\"oops\":1}\n" + text(number + 1...4000), into: store)
        let failure = await failure(&run)
        #expect(failure?.status == .error)
        #expect(failure?.message.hasPrefix("line \(number): unknown field “oops”") == true)
        #expect(failure?.message.hasSuffix("\(done(number - 1)); --skip-lines \(number - 1) continues") == true)
        #expect(run.doneLines == UInt64(number - 1))
        #expect(store.aggregates.withLock { $0 } == (1..<number).map(String.init))
    }

    @Test(
        "a line that the store refuses ends it just so, wherever in a batch it stands, and continuing loses no line",
        arguments: [1, 2, 512, 1023, 1024, 1025, 2400]
    )
    func refused(number: Int) async throws {
        let store = FakeStore { $0 == "\(number)" ? StoreError(.invalid, "no") : nil }
        var first = run(text(1...2500), into: store)
        let failure = await failure(&first)
        #expect(
            failure?.message
                == "line \(number): INVALID no; \(done(number - 1)); --skip-lines \(number - 1) continues"
        )
        #expect(store.aggregates.withLock { $0 } == (1..<number).map(String.init))
        #expect(first.doneLines == UInt64(number - 1) && first.added == UInt64(number - 1))
        // As advised, with the line put right.
        let mended = text(1...2500).replacing(line(number) + "\n", with: line(number + 10_000) + "\n")
        var second = run(mended, into: store, plan: ImportRun.Plan(skippedLines: first.doneLines))
        try await second.run()
        let all = (1...2500).map { $0 == number ? "\(number + 10_000)" : "\($0)" }
        #expect(store.aggregates.withLock { $0 } == all)
    }

    @Test("with --keep-going bad lines are counted and skipped, wherever they are found out, and all others are there")
    func keepGoing() async throws {
        let refused: Set = [5, 6, 700, 1024, 1025, 2000]
        let store = FakeStore { refused.contains(Int($0)!) ? StoreError(.tooBig, "too big") : nil }
        let notes = Mutex<[String]>([])
        var run = run(
            text(1...1500) + "nonsense\n\n" + text(1501...2000),
            into: store,
            note: { note in notes.withLock { $0.append(note) } },
            plan: ImportRun.Plan(keepsGoing: true)
        )
        try await run.run()
        #expect(run.added == 1994 && run.skipped == 7 && run.doneLines == 2002)
        #expect(run.summary().hasSuffix("; 7 lines skipped"))
        #expect(store.aggregates.withLock { $0 } == (1...2000).filter { !refused.contains($0) }.map(String.init))
        #expect(notes.withLock { $0 }.contains("line 700 skipped: TOOBIG too big"))
        #expect(notes.withLock { $0 }.contains("line 2002 skipped: TOOBIG too big"))
    }

    @Test("a full disk ends it even with --keep-going, and the lines it refused are to be sent again")
    func fullDisk() async {
        let store = FakeStore { Int($0)! > 1500 ? StoreError(.noSpace, "full") : nil }
        var run = run(text(1...5000), into: store, plan: ImportRun.Plan(keepsGoing: true))
        let failure = await failure(&run)
        #expect(failure?.status == .readOnlyOrFull)
        #expect(failure?.message.hasPrefix("lines 1025 to 2048: NOSPC full; 1024 lines are done") == true)
        #expect(store.aggregates.withLock { $0.count } == 1024)
    }

    @Test("a broken connection leaves the outcome of the lines under way unknown, and says which they are")
    func broken() async {
        let store = FakeStore(answerLostAt: 2000)
        var run = run(text(1...5000), into: store)
        let failure = await failure(&run)
        #expect(failure?.status == .outcomeUnknown)
        #expect(
            failure?.message
                == "outcome unknown: the daemon is gone; lines 1025 to 2048: appended, or not at all; "
                + "1024 lines are done; --skip-lines 1024 continues"
        )
        #expect(store.aggregates.withLock { $0.count } == 2048)
    }

    @Test(
        "lines that carry an id are in the store once, however often they are sent, and the summary says how many were"
    )
    func again() async throws {
        let store = FakeStore(answerLostAt: 1000)
        let lines = (1...2000).map {
            #"{"category":"c","event_type":"t","aggregate_id":"\#($0)","id":"00000000-0000-0000-0000-\#(100_000_000_000 + $0)"}"#
        }
        let text = lines.joined(separator: "\n")
        var first = run(text, into: store)
        #expect(await failure(&first)?.status == .outcomeUnknown)
        // From a line in the middle of what was sent together, so that a batch is there in part.
        var second = run(text, into: store, plan: ImportRun.Plan(skippedLines: 700))
        try await second.run()
        #expect(store.aggregates.withLock { $0 } == (1...2000).map(String.init))
        #expect(second.present == 324 && second.added == 976)
        #expect(second.summary().hasPrefix("imported 976 events in "))
        #expect(second.summary().hasSuffix("; 324 were there already"))
    }

    @Test("lines without an id are appended each time, whatever lines with one stand among them")
    func mixed() async throws {
        let store = FakeStore()
        let identified = (1...4).map {
            #"{"category":"c","event_type":"t","aggregate_id":"i\#($0)","id":"event \#($0)"}"#
        }
        let lines = [identified[0], line(1), line(2), identified[1], identified[2], line(3), identified[3]]
        for round in 1...3 as ClosedRange<UInt64> {
            var run = run(lines.joined(separator: "\n"), into: store)
            try await run.run()
            #expect(run.added == (round == 1 ? 7 : 3) && run.present == (round == 1 ? 0 : 4))
        }
        let stored = store.aggregates.withLock { $0 }
        #expect(stored.count { $0.hasPrefix("i") } == 4 && stored.count { !$0.hasPrefix("i") } == 9)
    }

    @Test("--skip-lines begins behind so many lines, and refuses a shorter input")
    func skipLines() async throws {
        let store = FakeStore()
        var run = run(text(1...100), into: store, plan: ImportRun.Plan(skippedLines: 40))
        try await run.run()
        #expect(store.aggregates.withLock { $0 } == (41...100).map(String.init))
        #expect(run.doneLines == 100)
        var beyond = self.run(text(1...10), into: store, plan: ImportRun.Plan(skippedLines: 40))
        // No advice: it would be the same once more.
        #expect(await failure(&beyond) == Failure(.usage, "40 lines to skip, but the input has 10"))
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
        var run = run(input, into: store)
        try await run.run()
        #expect(run.added == 3)
    }

    @Test("an interruption lets what was read be appended, and says how far that is")
    func interrupted() async {
        let store = FakeStore()
        let interruption = Interruption()
        interruption.deferToCommand()
        interruption.interrupt()
        var run = run(text(1...100), into: store, interruption: interruption)
        #expect(await failure(&run)?.status == .interrupted)
        #expect(run.doneLines == UInt64(store.aggregates.withLock { $0.count }))
    }

    // MARK: Lines of any length

    @Test(
        "a line that is too long is skipped with --keep-going, wherever it stands and whatever its size",
        arguments: [10_001, 300_000, 1_100_000]
    )
    func overlong(bytes: Int) async throws {
        // An event, but for its length.
        let long: String = line(7).dropLast() + #","data":{"text":"\#(String(repeating: "x", count: bytes))"}}"#
        let inputs: [String] = [
            text(1...3) + long + "\n" + text(4...6), long + "\n" + text(1...6), text(1...6) + long,
            text(1...6) + long + "\n", text(1...2) + long + "\n" + long + "\n" + text(3...6),
        ]
        for (index, input) in inputs.enumerated() {
            let store = FakeStore()
            var run = run(input, into: store, maximumLineBytes: 10_000, plan: ImportRun.Plan(keepsGoing: true))
            try await run.run()
            #expect(store.aggregates.withLock { $0 } == (1...6).map(String.init))
            #expect(run.skipped == (index == 4 ? 2 : 1) && run.doneLines == (index == 4 ? 8 : 7))
        }
    }

    @Test("without it such a line ends the import at once, even where it never ends")
    func endless() async {
        let store = FakeStore()
        var run = run(Descriptor(open("/dev/zero", O_RDONLY)), into: store, maximumLineBytes: 1 << 20)
        let failure = await failure(&run)
        #expect(failure?.message.hasPrefix("line 1: it is longer than 1048576 bytes") == true)
        var second = self.run(
            text(1...3) + String(repeating: "x", count: 10_001) + "\n" + text(4...6),
            into: store,
            maximumLineBytes: 10_000
        )
        #expect(await self.failure(&second)?.message.hasPrefix("line 4: it is longer than 10000 bytes") == true)
        #expect(second.doneLines == 3 && store.aggregates.withLock { $0.count } == 3)
    }

    @Test("memory does not grow with a line that is skipped")
    func memory() async throws {
        var ends: [Int32] = [0, 0]
        pipe(&ends)
        let output = Descriptor(ends[1])
        let writer = Task.detached {
            let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
            for _ in 0..<16 { try output.write(piece) }
            try output.write(Array("\n".utf8))
            close(output.number)
        }
        var reader = LineReader(Descriptor(ends[0]), maximumLineBytes: 1 << 20)
        reading: while true {
            if case .end = try reader.next() { break reading }
        }
        try await writer.value
        #expect(reader.position.lines == 1 && reader.bytes == 16 << 20 + 1)
        #expect(reader.buffer.capacity < 8 << 20)
    }

    // MARK: What begins a file

    @Test("a byte order mark is passed over, at the beginning and where two files were joined")
    func byteOrderMark() async throws {
        let store = FakeStore()
        var run = run("\u{FEFF}" + text(1...2) + "\u{FEFF}" + text(3...3) + "\u{FEFF}", into: store)
        try await run.run()
        #expect(store.aggregates.withLock { $0 } == ["1", "2", "3"])
    }

    @Test(
        "what is no NDJSON is told by its name",
        arguments: [("a.csv", "CSV"), ("B.CSV", "CSV"), ("a.tsv", "TSV"), ("a.ndjson.gz", "gzip"), ("a.zst", "zstd")]
    )
    func named(path: String, form: String) {
        let error = #expect(throws: Failure.self) { try Descriptor(readingNDJSON: path) }
        #expect(error?.status == .usage)
        #expect(error?.message.hasPrefix("\(path) is ") == true && error?.message.contains(form) == true)
        #expect(error?.message.contains("expected NDJSON, one JSON object a line") == true)
    }

    @Test(
        "what is no NDJSON is told by its first line",
        arguments: [
            ("category,event_type,aggregate_id\norder,created,1\n", "it looks like CSV"),
            ("category;event_type\n", "it looks like CSV"), ("\"a\",\"b\"\n", "it looks like CSV"),
            ("category\tevent_type\n", "it looks like TSV"), ("[\n", "it looks like one JSON array"),
        ]
    )
    func recognised(text: String, form: String) async {
        var run = run(text, into: FakeStore())
        let failure = await failure(&run)
        #expect(failure?.message.hasPrefix("line 1: ") == true && failure?.message.contains(form) == true)
    }

    @Test("bytes of another encoding are told, and a mistake in JSON is not taken for a table")
    func otherForms() {
        for bytes in [[0xFF, 0xFE, 0x7B, 0] as [UInt8], [0xFE, 0xFF, 0, 0x7B]] {
            let error = #expect(throws: (any Error).self) { try InputLine.event(bytes) }
            #expect("\(error!)".contains("it looks like UTF-16"))
        }
        for text in [#""category":"c","event_type":"t"}"#, #"{"category":"c",}"#, "hello", "}"] {
            let error = #expect(throws: (any Error).self) { try InputLine.event(Array(text.utf8)) }
            #expect(!"\(error!)".contains("looks like"))
        }
    }

    @Test("the longest line follows the daemon's limit of a command")
    func limit() {
        #expect(InputLine.maximumBytes(StatusReport(info: "limit_command_bytes:67108864\r\n")) == 65 << 20)
    }
}
