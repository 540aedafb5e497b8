// Owns: appends on their way from a connection to the writer and back: staging them, and answering them.

import EventModel
import EventRecords
import EventStore
import EventWire
import NIOCore

/// What a connection has in flight.
struct Flight {
    /// Bytes that one connection may have in flight; the last command may pass it.
    static let maximumBytes = 4 << 20
    /// Appends, and errors in their order, that the writer has not answered yet.
    private(set) var appends = 0
    private var staged = 0
    /// Of conditions, which are let go of together, when nothing is in flight.
    private var conditions = 0

    /// Bytes of memory, about.
    var bytes: Int { staged + conditions }

    mutating func add(_ appends: Int, bytes: Int, conditions: Int) {
        self.appends += appends
        staged += bytes
        self.conditions += conditions
    }

    mutating func remove(_ appends: Int, bytes: Int) {
        self.appends -= appends
        staged -= bytes
        if self.appends == 0 { conditions = 0 }
    }
}

extension ConnectionHandler {
    /// Bytes of commands that are staged in one go, unless the first has more.
    private static let runBytes = 64 << 10

    /// Adds something to the loop's batch, and notes that an answer to it is to come.
    private func stage(_ appends: Int, conditionBytes: Int = 0, _ add: (AppendBatch) -> Void) {
        let batch = loop.batch()
        let before = batch.memoryBytes
        add(batch)
        flight.add(appends, bytes: batch.memoryBytes - before, conditions: conditionBytes)
    }

    /// Stages the plain appends that the bytes begin with, as far as there is room for them; returns the bytes that they came
    /// in. What stops it is for the ordinary way to judge.
    func stagePlainAppends(_ bytes: UnsafeRawBufferPointer, _ validator: EventValidator) -> Int {
        let limits = server.options.limits
        guard let first = PlainAppend(front: bytes, limits: limits), validator.accepts(data: first.data),
            hasRoom(forStaging: min(max(Self.runBytes, first.wireBytes), bytes.count))
        else { return 0 }
        let batch = loop.batch()
        let (before, recordsBefore) = (batch.memoryBytes, batch.recordCount)
        var consumed = 0
        batch.appendPlain(by: self) { buffer in
            var next = first
            while true {
                buffer.append(
                    category: next.category,
                    aggregateID: next.aggregateID,
                    eventType: next.eventType,
                    data: next.data
                )
                consumed += next.wireBytes
                let rest = UnsafeRawBufferPointer(rebasing: bytes[consumed...])
                guard let following = PlainAppend(front: rest, limits: limits),
                    consumed + following.wireBytes <= Self.runBytes, validator.accepts(data: following.data)
                else { return }
                next = following
            }
        }
        flight.add(batch.recordCount - recordsBefore, bytes: batch.memoryBytes - before, conditions: 0)
        return consumed
    }

    /// Stages an append, or refuses it. There is a validator once there is a store.
    func append(_ request: AppendRequest, wireBytes: Int, _ validator: EventValidator?) {
        do throws(StoreError) {
            guard let validator else { throw server.loadingError }
            try validator.check(request.event)
            if transaction != nil {
                try transaction?.add(request, wireBytes: wireBytes, limit: server.options.limits.commandBytes)
                replies.simple("QUEUED")
            } else {
                let conditionBytes = request.unless == nil ? 0 : Command.filterFactor * wireBytes
                stage(1, conditionBytes: conditionBytes) { $0.append(request.event, by: self, unless: request.unless) }
            }
        } catch {
            refuse(error)
        }
    }

    func execute(_ open: OpenTransaction) {
        if open.isBroken {
            replies.error(text: "EXECABORT Transaction discarded because of previous errors.")
        } else if open.events.count == 0 {
            replies.array(0)
        } else {
            stage(open.events.count, conditionBytes: open.conditionBytes) { $0.append(open.events, by: self) }
        }
    }

    /// Answers with an error, in its turn.
    func refuse(_ error: StoreError) {
        transaction?.breakOff()
        if isQuiet {
            replies.error(error)
        } else {
            stage(1) { $0.refuse(error, to: self) }
        }
    }

    /// Takes an outcome back from the writer and answers it; `proceed` follows when the loop has them all.
    func settle(_ settled: AppendBatch.Settled) {
        flight.remove(settled.records, bytes: settled.memoryBytes)
        let (records, isTransaction) = (settled.records, settled.isTransaction)
        switch settled.outcome {
        case .appended(let first):
            if isTransaction { replies.array(records) }
            replies.integers(from: first.rawValue, count: records)
        case .existing(let ids):
            if isTransaction { replies.array(ids.count) }
            for id in ids { replies.integer(id) }
        case .refused(let error):
            for _ in 0..<(isTransaction ? 1 : records) { replies.error(error) }
        }
    }

    /// The store takes no more: what was staged is lost, and the client must be told by the end of its connection.
    func storeClosed() {
        isClosing = true
        // Not at once: it may be in the middle of decoding what the close would let go of.
        let channel = context?.channel
        eventLoop.execute { channel?.close(promise: nil) }
    }
}
