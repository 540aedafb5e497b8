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
        loop.serving?.store.pace.note(of: user, bytes: batch.memoryBytes - before, events: appends)
    }

    /// Whether its user has appended as much as it may for now. It is looked at again when it may go on.
    var isPaced: Bool {
        guard let delay = loop.serving?.store.pace.delay(of: user) else { return false }
        guard pacing == nil else { return true }
        let handler = NIOLoopBound(self, eventLoop: eventLoop)
        pacing = eventLoop.scheduleTask(in: .nanoseconds(Int64(delay / .nanoseconds(1)) + 1)) {
            handler.value.pacing = nil
            handler.value.proceed()
        }
        return true
    }

    /// Stages the plain appends that the bytes begin with, as far as there is room for them; returns the bytes that they came
    /// in. What stops it is for the ordinary way to judge.
    func stagePlainAppends(_ bytes: UnsafeRawBufferPointer, _ validator: EventValidator) -> Int {
        let limits = server.options.limits
        guard let first = PlainAppend(front: bytes, limits: limits), validator.accepts(data: first.data),
            hasRoom(forStaging: min(max(Self.runBytes, first.wireBytes), bytes.count)), !isPaced
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
        let (appends, staged) = (batch.recordCount - recordsBefore, batch.memoryBytes - before)
        loop.traffic.add(commands: appends)
        flight.add(appends, bytes: staged, conditions: 0)
        loop.serving?.store.pace.note(of: user, bytes: staged, events: appends)
        return consumed
    }

    /// Stages an append, or refuses it. There is a validator once there is a store.
    func append(_ request: AppendRequest, wireBytes: Int, _ validator: EventValidator?) {
        do throws(StoreError) {
            if let refusal = caller.refusal(of: request) {
                caller.note(refusal)
                throw refusal.error
            }
            guard let validator else { throw server.loadingError }
            try validator.check(request.event)
            try loop.serving?.store.check(request.store)
            if transaction != nil {
                try transaction?.add(request, wireBytes: wireBytes, limit: server.options.limits.commandBytes)
                history.lastCommand = "ev.append"
                replies.simple("QUEUED")
            } else {
                let conditionBytes = request.unless == nil ? 0 : Command.filterFactor * wireBytes
                stage(1, conditionBytes: conditionBytes) {
                    $0.append(request.event, by: self, unless: request.unless, reportsStatus: request.reportsStatus)
                }
            }
        } catch {
            refuse(error)
        }
    }

    func execute(_ open: OpenTransaction) {
        if open.isBroken {
            replies.error(text: "EXECABORT Transaction discarded because of previous errors.")
        } else if open.queued == 0 {
            replies.array(0)
        } else if open.isGivenUp {
            replies.refusal(
                of: open.queued,
                "EXECABORT Transaction discarded: it was left lying while others waited for its memory."
            )
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
            guard !settled.reportsStatus.isEmpty else {
                return replies.integers(from: first.rawValue, count: records)
            }
            for (offset, reports) in settled.reportsStatus.enumerated() {
                replies.receipt(EventID(first.rawValue + UInt64(offset)), "appended", reports: reports)
            }
        case .existing(let ids):
            if isTransaction { replies.array(ids.count) }
            for (offset, id) in ids.enumerated() {
                replies.receipt(
                    id,
                    "existed",
                    reports: offset < settled.reportsStatus.count && settled.reportsStatus[offset]
                )
            }
        case .refused(let error):
            let error = caller.legible(error)
            if isTransaction { return replies.refusal(of: records, error.description) }
            for _ in 0..<records { replies.error(error) }
        }
    }

    /// The store takes no more: what was staged is lost, and the client must be told by the end of its connection.
    func storeClosed() {
        closing(because: "the store takes no more appends, and what became of its last ones is not known")
        // Not at once: it may be in the middle of decoding what the close would let go of.
        let channel = context?.channel
        eventLoop.execute { channel?.close(promise: nil) }
    }
}

extension ReplyEncoder {
    /// An appended event's id, with its status where that was asked for.
    fileprivate mutating func receipt(_ id: EventID, _ status: String, reports: Bool) {
        if reports { array(2) }
        integer(id)
        if reports { bulk(status) }
    }

    /// The refusal of a transaction whose commands were all queued. Stock clients are made for an EXEC that answers one
    /// element for each of them, as Redis' does, and one of them waits for ever for those that an error in place of the array
    /// does not have. The error comes last, because another reads no further than to the first. The rest are 0, the id of
    /// no event, so that every element is of the type that it has when all goes well.
    fileprivate mutating func refusal(of events: Int, _ text: String) {
        array(events)
        for _ in 1..<events { integer(UInt64(0)) }
        error(text: text)
    }
}
