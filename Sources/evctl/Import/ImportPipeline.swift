// Owns: events on their way to the daemon: gathered into batches, several batches under way at once, outcomes taken in
// the order of the lines.
// Refuses to know: where lines come from, and what is said of a refused one.

import EventModel
import EventStoreClient

struct ImportPipeline {
    typealias Outcomes = [Result<EventID, StoreError>]
    typealias Append = @Sendable ([NewEvent]) async throws(ClientError) -> Outcomes

    /// What became of one line.
    struct Outcome {
        let line: UInt64
        let result: Result<EventID, StoreError>
    }

    private struct Batch {
        let lines: [UInt64]
        let reply: Task<Result<Outcomes, ClientError>, Never>
    }

    static let batchEvents = 512
    static let batchBytes = 256 << 10
    static let batchesUnderWay = 4

    private let append: Append
    private var lines: [UInt64] = []
    private var events: [NewEvent] = []
    private var eventBytes = 0
    private var underWay: [Batch] = []

    init(append: @escaping Append) {
        self.append = append
    }

    /// Adds an event, and sends the batch when it is full. Returns the outcomes that were waited for to make room.
    mutating func add(_ event: NewEvent, line: UInt64) async throws(ClientError) -> [Outcome] {
        lines.append(line)
        events.append(event)
        eventBytes += event.data.count + (event.metadata?.count ?? 0)
        guard events.count >= Self.batchEvents || eventBytes >= Self.batchBytes else { return [] }
        let outcomes = underWay.count >= Self.batchesUnderWay ? try await oldestOutcomes() : nil
        flush()
        return outcomes ?? []
    }

    /// Waits for the oldest batch under way; nil when there is none left.
    mutating func oldestOutcomes() async throws(ClientError) -> [Outcome]? {
        guard !underWay.isEmpty else { return nil }
        let batch = underWay.removeFirst()
        let results = try await batch.reply.value.get()
        return zip(batch.lines, results).map(Outcome.init)
    }

    /// Forgets what is gathered and not sent.
    mutating func discard() {
        lines.removeAll(keepingCapacity: true)
        events.removeAll(keepingCapacity: true)
        eventBytes = 0
    }

    /// Sends what is gathered.
    mutating func flush() {
        guard !events.isEmpty else { return }
        let (batch, append) = (events, append)
        // The client writes in the order of the calls; `immediate` makes the call here and now, before the next one.
        let reply = Task.immediate { () async -> Result<Outcomes, ClientError> in
            do throws(ClientError) {
                return .success(try await append(batch))
            } catch {
                return .failure(error)
            }
        }
        underWay.append(Batch(lines: lines, reply: reply))
        discard()
    }
}
