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
    let traffic = LoopTraffic()
    private(set) var connections: [ObjectIdentifier: ConnectionHandler] = [:]
    private let opened: OpenedStore
    private var taken: Serving?
    private var gathering: AppendBatch?
    /// Units that have been handed in and whose outcomes have not come back. While there are any, none may be committed here:
    /// its answer would overtake theirs.
    private var unitsInFlight = 0
    /// The connection that was read from last, and how many times in a row.
    private var reading: (connection: ObjectIdentifier, times: Int)?
    /// Queries that go to a reader thread, since one has kept the loop for long: likely the disk was asked.
    private var suspicion = 0
    /// Connections that have more to do than their turn had time for, or whose user has had its turn.
    private var waiting = FairQueue<ConnectionHandler>()
    private var isWaitScheduled = false
    /// Nanoseconds that users have had of the loop since it looked at its sockets; nil where it has looked since.
    private var spent: [UInt32: Int64] = [:]
    private var isSpentScheduled = false
    /// What the next batch will likely need.
    private var lastBatchBytes = 4096

    init(_ eventLoop: any EventLoop, _ opened: OpenedStore, moment: Duration) {
        self.eventLoop = eventLoop
        self.opened = opened
        self.moment = moment
    }

    /// Nil while the store is being recovered. Looked for at each command until then, so that no loop says LOADING once
    /// another has served.
    var serving: Serving? {
        if taken == nil, let store = opened.store {
            taken = Serving(store: store, validator: EventValidator(limits: store.options.limits))
        }
        return taken
    }

    /// A connection has been made.
    func add(_ connection: ConnectionHandler) {
        connections[ObjectIdentifier(connection)] = connection
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

    // MARK: Turns

    /// What a user may have of the loop before others have their turn.
    static let turn = TimeAmount.milliseconds(1)
    /// Long enough for the loop to look at its sockets, which it does when no task is due.
    private static let pause = TimeAmount.microseconds(20)

    /// Whether somebody has had its turn, so that its connection is to wait for the next.
    func hasHadTurn(_ user: UInt32) -> Bool { spent[user, default: 0] >= Self.turn.nanoseconds }

    /// A user has had so much of the loop.
    func charge(_ time: TimeAmount, to user: UInt32) {
        spent[user, default: 0] += time.nanoseconds
        guard !isSpentScheduled else { return }
        isSpentScheduled = true
        // When the loop has been through all sockets that were ready.
        eventLoop.execute {
            self.isSpentScheduled = false
            self.spent.removeAll(keepingCapacity: true)
        }
    }

    /// Has a connection go on in its turn: users have equal shares of the loop, and one turn is had between two looks at the
    /// sockets, so that whoever has little to ask is answered at once.
    func wait(_ connection: ConnectionHandler) {
        waiting.add(connection, of: connection.user)
        scheduleWaiting()
    }

    private func scheduleWaiting() {
        guard !isWaitScheduled, !waiting.isEmpty else { return }
        isWaitScheduled = true
        eventLoop.scheduleTask(in: Self.pause) {
            self.isWaitScheduled = false
            self.serveWaiting()
            self.scheduleWaiting()
        }
    }

    /// Serves those that wait for about as long as a turn.
    private func serveWaiting() {
        let end = NIODeadline.now() + Self.turn
        var now = NIODeadline.now()
        while now < end, let user = waiting.first, let connection = waiting.next(of: user) {
            let begun = now
            connection.goOn()
            now = .now()
            waiting.charge(.nanoseconds((now - begun).nanoseconds), to: user)
        }
    }

    /// A connection is no more; another may take its place in memory.
    func forget(_ connection: ConnectionHandler) {
        connections[ObjectIdentifier(connection)] = nil
        if reading?.connection == ObjectIdentifier(connection) { reading = nil }
    }

    /// Whether nobody else has said anything on this loop for a while, so that likely nobody is kept waiting by what the loop
    /// does for the connection.
    func isAlone(_ connection: ConnectionHandler) -> Bool {
        guard let reading else { return false }
        return reading.connection == ObjectIdentifier(connection) && reading.times >= Self.solitude
    }

    /// A query that takes longer on the event loop is one too many.
    let moment: Duration
    private static let suspicionAfterLongQuery = 256

    /// Whether the loop answers a query itself, which saves two thread switches: where that is a matter of microseconds, or there
    /// is nobody whom it would keep waiting.
    func mayAnswer(_ query: Query, of connection: ConnectionHandler) -> Bool {
        guard query.isMomentary || isAlone(connection) && query.isShort(connection.server.store) else { return false }
        guard suspicion > 0 else { return true }
        suspicion -= 1
        return false
    }

    /// Answers a query on the loop.
    func timing(_ answer: () -> Void) {
        let begun = NIODeadline.now()
        answer()
        if NIODeadline.now() - begun > .nanoseconds(Int64(moment / .nanoseconds(1))) {
            suspicion = Self.suspicionAfterLongQuery
        }
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
            for batch in batches { self.settle(batch) }
        }
    }

    private func submit() {
        guard let full = gathering else { return }
        gathering = nil
        lastBatchBytes = full.byteCount
        guard let store = serving?.store else { preconditionFailure("nothing is staged before there is a store") }
        let (isAlone, units) = (unitsInFlight == 0, full.unitCount)
        unitsInFlight += units
        if isAlone, store.commitAlone(full) {
            settle(full)
        } else if !store.submit(full) {
            unitsInFlight -= units
            full.forEachOwner { connection(of: $0).storeClosed() }
        }
    }

    private func settle(_ batch: AppendBatch) {
        var served: [ConnectionHandler] = []
        batch.forEachOutcome { settled in
            unitsInFlight -= 1
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
