// Owns: the promises of `import --resume-file`, against a store that is nothing but a list.

import EventModel
import EventStoreClient
import Glibc
import Synchronization
import Testing

@testable import evctl

/// Takes the first so many batches, and from then on nothing; what it holds can be gone on with.
private final class MortalStore: Sendable {
    let events = Mutex<[NewEvent]>([])
    private let batches: Mutex<Int>
    private let saysSo: Bool

    init(batches: Int = .max, saysSo: Bool = true, holding events: [NewEvent] = []) {
        self.batches = Mutex(batches)
        self.saysSo = saysSo
        self.events.withLock { $0 = events }
    }

    func append(_ batch: [NewEvent]) async throws(ClientError) -> [AppendReceipt] {
        let left = batches.withLock { batches in
            batches -= 1
            return batches
        }
        guard left >= 0 else { throw .disconnected(reason: "gone") }
        let receipts: [AppendReceipt]? = events.withLock { events in
            let there = batch.map { event in events.firstIndex { $0.identifier == event.identifier } }
            guard there.contains(nil) else {
                return there.map { AppendReceipt(id: EventID(UInt64($0! + 1)), existed: true) }
            }
            guard there.allSatisfy({ $0 == nil }) else { return nil }
            events += batch
            return (events.count - batch.count + 1...events.count).map {
                AppendReceipt(id: EventID(UInt64($0)), existed: false)
            }
        }
        guard let receipts else { throw .store(StoreError(.conflict, "some of them are there")) }
        if left == 0, !saysSo { throw .outcomeUnknown(reason: "gone") }
        return receipts
    }
}

@Suite("Resuming an import")
struct ResumeTests {
    private let path = "/tmp/evctl-resume-\(getpid())-\(UInt64.random(in: 0 ... .max))"
    private var file: ResumeFile { ResumeFile(path: path) }

    private func lines(_ numbers: ClosedRange<Int>) -> String {
        numbers.map { #"{"category":"c","event_type":"t","aggregate_id":"\#($0)"}"# + "\n" }.joined()
    }

    private func run(_ text: String, _ record: ResumeRecord, into store: MortalStore) throws -> ImportRun {
        try run(text, record, store.append)
    }

    private func run(_ text: String, _ record: ResumeRecord, _ append: @escaping ImportBatch.Append) throws -> ImportRun
    {
        var template = Array("/tmp/evctl-tests-XXXXXX".utf8CString)
        let number = mkstemp(&template)
        unlink(template)
        try Descriptor(number).write(Array(text.utf8))
        lseek(number, 0, SEEK_SET)
        return ImportRun(
            reading: LineReader(Descriptor(number), maximumLineBytes: 1 << 20),
            plan: ImportRun.Plan(resume: (file, record), batchEvents: 1024),
            meter: ProgressMeter(.bytes, total: nil, isShown: false),
            interruption: Interruption(),
            note: { _ in },
            append: append
        )
    }

    @Test(
        "each line is in the store once and in its place, wherever the runs before ended, noted or not",
        arguments: [true, false]
    )
    func exact(saysSo: Bool) async throws {
        defer { unlink(path) }
        let fresh = ResumeRecord(store: "s", identity: .random())
        for batches in 1...3 {
            let first = MortalStore(batches: batches, saysSo: saysSo)
            var run = try run(lines(1...2500), fresh, into: first)
            try? await run.run()
            let noted = try #require(try file.record())
            #expect(noted.done.lines == UInt64(min(2500, (batches - (saysSo ? 0 : 1)) * 1024)))
            let held = first.events.withLock { $0 }
            // As if the last second had not been noted: from the file as it was at first, and as it is now.
            for record in [fresh, noted] {
                let second = MortalStore(holding: held)
                var run = try self.run(lines(1...2500), record, into: second)
                try await run.run()
                #expect(second.events.withLock { $0.map(\.aggregateID) } == (1...2500).map(String.init))
            }
        }
    }

    @Test("what the ids are made from is on the disk before the first event is sent")
    func identityFirst() async throws {
        defer { unlink(path) }
        let record = ResumeRecord(store: "s", identity: .random())
        let file = file
        let seen = Mutex<ResumeRecord?>(nil)
        var run = try run(lines(1...10), record) { events throws(ClientError) in
            seen.withLock { $0 = try? file.record() }
            throw .disconnected(reason: "gone")
        }
        try? await run.run()
        #expect(seen.withLock { $0 } == record)
        #expect(try file.record() == record)
    }

    @Test("an input that has grown goes on behind its old end, with or without a break there")
    func grown() async throws {
        defer { unlink(path) }
        let store = MortalStore()
        var first = try run(String(lines(1...3).dropLast()), ResumeRecord(store: "s", identity: .random()), into: store)
        try await first.run()
        var second = try run(lines(1...5), try #require(try file.record()), into: store)
        try await second.run()
        #expect(store.events.withLock { $0.map(\.aggregateID) } == (1...5).map(String.init))
        #expect(try file.record()?.done.lines == 5)
        #expect(access(path + ".new", F_OK) != 0)
    }

    @Test("another input is refused, and nothing of it appended")
    func otherInput() async throws {
        defer { unlink(path) }
        let store = MortalStore()
        var first = try run(lines(1...3), ResumeRecord(store: "s", identity: .random()), into: store)
        try await first.run()
        var second = try run(lines(2...9), try #require(try file.record()), into: store)
        let error = await #expect(throws: Failure.self) { try await second.run() }
        #expect(error == Failure(.usage, "\(path) is of another input: its first 3 lines differ"))
        #expect(store.events.withLock { $0.count } == 3)
        #expect(try file.record()?.done.lines == 3)
    }

    @Test("an id of the line's own is left to it, and all others differ, for each line and each import")
    func ids() throws {
        let (one, other) = (ImportIdentity.random(), ImportIdentity.random())
        var ids: Set<EventUUID> = []
        for line in 1...1000 as ClosedRange<UInt64> {
            ids.insert(one.id(ofLine: line))
            ids.insert(other.id(ofLine: line))
            #expect(one.id(ofLine: line).high >> 12 & 15 == 8)
            #expect(one.id(ofLine: line).low >> 62 == 2)
        }
        #expect(ids.count == 2000)
        // The count goes round within its own bits.
        let last = ImportIdentity(EventUUID(high: 0x8000, low: 0xBFFF_FFFF_FFFF_FFFF))
        #expect(last.id(ofLine: 1) == EventUUID(high: 0x8000, low: 0x8000_0000_0000_0000))
    }

    @Test("a file that is no resume file is refused", arguments: ["{}\n", "899\n", "", #"{"lines":-1}"#])
    func noResumeFile(text: String) throws {
        defer { unlink(path) }
        let number = open(path, O_WRONLY | O_CREAT, 0o600)
        try Descriptor(number).write(Array(text.utf8))
        close(number)
        #expect(throws: Failure.self) { try file.record() }
    }
}
