// Owns: queries of a connection that have come in a row, and who answers them: the event loop where that is a matter of
// microseconds, a reader thread otherwise, which takes as many as make one good piece of work.

import EventModel
import EventStore
import EventWire
import NIOCore
import NIOPosix
import SegmentLog

/// Queries in the order in which they are to be answered.
struct QueryRun {
    /// Bytes of answers after which a reader thread hands back what it has.
    static let answerBytes = 256 << 10
    /// The same, of time.
    private static let duration = TimeAmount.milliseconds(2)
    private static let maximumCount = 1024
    private static let maximumWireBytes = 64 << 10

    private var queries: [Query] = []
    private var answered = 0
    private(set) var wireBytes = 0
    /// Up to where the projection must have come that the first of them is about, once somebody has looked.
    var target: EventID?
    /// What the first of them has turned out to take, where there was no room for it.
    var memoryBytes = 0

    var isEmpty: Bool { answered == queries.count }
    var first: Query? { isEmpty ? nil : queries[answered] }
    var last: Query? { queries.last }

    /// Adds a query that came in so many bytes; false where those before it are to be answered first.
    mutating func append(_ query: Query, wireBytes: Int) -> Bool {
        guard
            queries.isEmpty || queries.count < Self.maximumCount && self.wireBytes + wireBytes <= Self.maximumWireBytes
        else { return false }
        queries.append(query)
        self.wireBytes += wireBytes
        return true
    }

    /// Adds a mistake, which is answered in its turn.
    mutating func append(mistake: StoreError) { queries.append(.mistake(mistake)) }

    /// The first of them have been answered.
    mutating func removeFirst(_ count: Int = 1) {
        answered += count
        (target, memoryBytes) = (nil, 0)
        if isEmpty { removeAll() }
    }

    mutating func removeAll() {
        // Kept for the next run, where that is not much.
        queries.removeAll(keepingCapacity: queries.capacity <= 64)
        (answered, wireBytes, target, memoryBytes) = (0, 0, nil, 0)
    }

    /// The answers to the first of them, how many those are, and what has been taken from the budget for them. Where there is no
    /// room for the very first, none, and how much it takes.
    func answer(
        _ server: ServerCore,
        for whole: Work,
        within limit: Duration,
        _ version: RESPVersion,
        in turn: ReaderTurn
    ) -> Answers {
        var replies = ReplyEncoder(version: version)
        let work = Work(of: whole, on: turn)
        let end = NIODeadline.now() + Self.duration
        var count = 0
        repeat {
            let query = queries[answered + count]
            // What it would have to wait for, it waits for on the loop.
            guard count == 0 || query.isReady(server.store) && query.isAboutDaemon == first?.isAboutDaemon else {
                break
            }
            let begin = replies.bytes.count
            turn.isPatient = query.isLong
            query.answer(server, for: work, within: limit, reaching: count == 0 ? target : nil, &replies)
            if turn.missingBytes > 0 {
                replies.bytes.removeLast(replies.bytes.count - begin)
                break
            }
            count += 1
            turn.holdsNothing(but: replies.bytes.count)
        } while answered + count < queries.count && replies.bytes.count < Self.answerBytes && NIODeadline.now() < end
        return Answers(bytes: replies.bytes, count: count, taken: turn.closeAccount(), missing: turn.missingBytes)
    }

    struct Answers: Sendable {
        let bytes: [UInt8]
        let count: Int
        let taken: Int
        let missing: Int
    }
}

extension ConnectionHandler {
    /// Answers the queries that have come, as far as that may be done now.
    func answerRun() {
        let arguments = outgoingBytes
        guard outgoing.covers(arguments) else { return outgoing.wait(for: arguments) }
        while let query = run.first, loop.mayAnswer(query, of: self) {
            guard replies.bytes.count < Self.replyBytes else { return mustProceedAgain = true }
            let begin = replies.bytes.count
            let moment = Work(within: loop.moment, of: work)
            loop.timing { query.answer(server, for: moment, within: nil, reaching: nil, &replies) }
            if !query.isMomentary, moment.ending == .timeUp {
                // It is more than it seemed. A reader takes it, from the beginning.
                replies.bytes.removeLast(replies.bytes.count - begin)
                break
            }
            let held = outgoingBytes
            if replies.bytes.count - begin > Self.largeReply, !outgoing.covers(held) {
                // It is asked again once there is room for what it has turned out to take.
                replies.bytes.removeLast(replies.bytes.count - begin)
                return outgoing.wait(for: held, again: true)
            }
            run.removeFirst()
        }
        guard let query = run.first, !waitsForProjection() else { return }
        // In the order in which they were asked, those of a user wait for room: who reads the answers in that order gets them.
        let expected = max(run.memoryBytes, query.expectedBytes(server))
        let needed = outgoingBytes + expected
        guard outgoing.covers(needed) else { return outgoing.wait(for: needed, again: run.memoryBytes > 0) }
        handOver(granted: expected)
    }

    /// Bytes from which on the budget is asked whether an answer may wait.
    private static let largeReply = 4 << 10

    /// Has a reader thread answer the first of them, for which there is room for so many bytes.
    private func handOver(granted: Int) {
        let (server, version, run, work, owner) = (server, replies.version, run, work, owner)
        let limit = server.queryLimit(caller)
        isExecuting = true
        executingBytes = granted
        let handler = NIOLoopBound(self, eventLoop: eventLoop)
        let pool = run.first?.isAboutDaemon == true ? server.informers : server.readers
        pool.run(for: asker, on: eventLoop) { turn in
            turn.account(with: server.outgoing, for: owner, granted: granted)
            return run.answer(server, for: work, within: limit, version, in: turn)
        }
        .whenComplete { result in
            let handler = handler.value
            handler.isExecuting = false
            switch result {
            case .success(let answers):
                handler.outgoing.adopt(answers.taken)
                handler.replies.bytes += answers.bytes
                if answers.count > 0 {
                    handler.run.removeFirst(answers.count)
                } else {
                    handler.run.memoryBytes = answers.missing
                }
                handler.outgoing.settle(handler.outgoingBytes)
            case .failure: handler.isClosing = true
            }
            handler.proceed()
        }
        if case .state(let request)? = run.last { prepare(request.reducer) }
    }

    /// Has a reader thread make what another query with this reducer will need.
    private func prepare(_ reducer: String) {
        let server = server
        server.readers.submit(for: asker) { turn in
            if turn != nil { server.store.prepareReducer(reducer) }
        }
    }
}
