// Owns: what the connections of one event loop share: a validator with its JSON parser, and the batch that their appends
// gather in. All that arrives in one turn of the loop goes to the writer together, and comes back together: one lock and
// one wake-up for many connections.

import EventModel
import EventStore
import NIOCore

/// One for each event loop.
///
/// `@unchecked Sendable` because everything but `complete` is used on its event loop alone, and that only hands over to it.
final class LoopContext: AppendSink, @unchecked Sendable {
    /// A batch is handed in before the end of the turn once it is so large: the writer need not wait for what is still to
    /// be decoded.
    private static let batchBytes = 256 << 10
    /// Reads in a row after which a connection is taken to be alone.
    private static let solitude = 16

    /// What there is once the store has been opened.
    struct Serving {
        let store: EventStore
        let validator: EventValidator
    }

    let eventLoop: any EventLoop
    private let opened: OpenedStore
    private var taken: Serving?
    private var gathering: AppendBatch?
    /// Batches that the writer has and this loop has not got back. While there are any, none may be committed here: it
    /// would overtake them.
    private var handedIn = 0
    /// The connection that was read from last, and how many times in a row.
    private var reading: (connection: ObjectIdentifier, times: Int)?
    /// What the next batch will likely need.
    private var lastBatchBytes = 4096

    init(_ eventLoop: any EventLoop, _ opened: OpenedStore) {
        self.eventLoop = eventLoop
        self.opened = opened
    }

    /// Nil while the store is being recovered. Looked for at each command until then, so that no loop says LOADING once
    /// another has served.
    var serving: Serving? {
        if taken == nil, let store = opened.store {
            taken = Serving(store: store, validator: EventValidator(limits: store.options.limits))
        }
        return taken
    }

    /// A connection has been read from.
    func note(reading connection: ConnectionHandler) {
        let connection = ObjectIdentifier(connection)
        if let reading, reading.connection == connection {
            self.reading = (connection, reading.times + 1)
        } else {
            reading = (connection, 1)
        }
    }

    /// A connection is no more; another may take its place in memory.
    func forget(_ connection: ConnectionHandler) {
        if reading?.connection == ObjectIdentifier(connection) { reading = nil }
    }

    /// Whether nobody else has said anything on this loop for a while, so that likely nobody is kept waiting by what the loop
    /// does for the connection.
    func isAlone(_ connection: ConnectionHandler) -> Bool {
        guard let reading else { return false }
        return reading.connection == ObjectIdentifier(connection) && reading.times >= Self.solitude
    }

    /// Whether so much is staged that connections should wait before they hand in more.
    var isCongested: Bool { serving?.store.isCongested == true }

    /// The batch of this turn of the loop.
    func batch() -> AppendBatch {
        if let gathering {
            if gathering.byteCount < Self.batchBytes { return gathering }
            submit()
        }
        let fresh = AppendBatch(sink: self, capacity: lastBatchBytes)
        gathering = fresh
        // Tasks run when the loop has been through all sockets that were ready.
        eventLoop.execute { self.submit() }
        return fresh
    }

    func complete(_ batches: [AppendBatch]) {
        eventLoop.execute {
            self.handedIn -= batches.count
            for batch in batches { self.settle(batch) }
        }
    }

    private func submit() {
        guard let full = gathering else { return }
        gathering = nil
        lastBatchBytes = full.byteCount
        guard let store = serving?.store else { preconditionFailure("nothing is staged before there is a store") }
        if handedIn == 0, store.commitAlone(full) {
            settle(full)
        } else if store.submit(full) {
            handedIn += 1
        } else {
            full.forEachOwner { connection(of: $0).storeClosed() }
        }
    }

    private func settle(_ batch: AppendBatch) {
        var served: [ConnectionHandler] = []
        batch.forEachOutcome { settled in
            let connection = connection(of: settled.owner)
            connection.settle(settled)
            if served.last !== connection { served.append(connection) }
        }
        for connection in served { connection.proceed() }
    }

    private func connection(of owner: AnyObject) -> ConnectionHandler {
        guard let connection = owner as? ConnectionHandler else {
            preconditionFailure("a batch of this loop belongs to its connections")
        }
        return connection
    }
}
