// Owns: how long a connection is waited for: to send the rest of what it has begun, and to read what it was sent.
//
// Going on at all is enough while nobody needs the memory that the connection holds. While others wait for it, a MiB at a
// time is asked for, and an eighth of what was to be read: who trickles is not waited for.

import EventModel
import EventWire
import NIOCore

/// A moment by which a connection must have gone on.
struct Deadline {
    /// What the connection had sent, or had taken, when it was set.
    let progress: Int
    private static let lateness = TimeAmount.milliseconds(100)
    /// What was to come yet, as far as that is known.
    private let outstanding: Int
    private let due: NIODeadline
    private let isGrace: Bool
    private let task: Scheduled<Void>

    init(
        _ progress: Int,
        of outstanding: Int = 0,
        in seconds: Int,
        _ eventLoop: any EventLoop,
        _ pass: @escaping @Sendable () -> Void
    ) {
        self.init(progress, outstanding, due: .now() + .seconds(Int64(seconds)), isGrace: false, eventLoop, pass)
    }

    private init(
        _ progress: Int,
        _ outstanding: Int,
        due: NIODeadline,
        isGrace: Bool,
        _ eventLoop: any EventLoop,
        _ pass: @escaping @Sendable () -> Void
    ) {
        (self.progress, self.outstanding, self.due, self.isGrace) = (progress, outstanding, due, isGrace)
        task = eventLoop.scheduleTask(deadline: due, pass)
    }

    /// Where the loop has come to it late, it has not looked at its sockets either, which is no fault of the client's: the same once
    /// more, after the loop has been round. Nil where it is to be judged.
    func grace(_ eventLoop: any EventLoop, _ pass: @escaping @Sendable () -> Void) -> Deadline? {
        guard !isGrace, .now() - due > Self.lateness else { return nil }
        return Deadline(progress, outstanding, due: .now() + Self.lateness, isGrace: true, eventLoop, pass)
    }

    func cancel() { task.cancel() }

    /// Whether a connection that has come so far since may be waited for again.
    func isKept(by progress: Int, others areWaiting: Bool) -> Bool {
        Self.isEnough(progress - self.progress, of: outstanding, othersAreWaiting: areWaiting)
    }

    static func isEnough(_ bytes: Int, of outstanding: Int, othersAreWaiting: Bool) -> Bool {
        bytes >= (othersAreWaiting ? max(1 << 20, outstanding / 8) : 1)
    }
}

extension ConnectionHandler {
    // MARK: Sending

    /// Whether something has begun to arrive that takes memory until the rest is there.
    private var isHalfArrived: Bool { buffer.readableBytes > 0 }
    var hasLargeTransaction: Bool { (transaction?.memoryBytes ?? 0) > BufferBudget.share }

    /// A command that has begun must go on arriving.
    func watchArrival() {
        guard arrival == nil, context?.channel.isActive == true, isHalfArrived || hasLargeTransaction else { return }
        let handler = NIOLoopBound(self, eventLoop: eventLoop)
        arrival = Deadline(arrived, in: server.options.commandSeconds, eventLoop) { handler.value.arrivalIsDue() }
    }

    private func arrivalIsDue() {
        guard let due = arrival.take(), isQuiet, !isClosing else { return }
        let handler = NIOLoopBound(self, eventLoop: eventLoop)
        arrival = due.grace(eventLoop) { handler.value.arrivalIsDue() }
        if arrival != nil { return }
        // A connection that is not being read from is not to blame for what has not arrived.
        let othersAreWaiting = server.incoming.isContended
        // Nor is one that waits for room, or for its turn.
        let isWaitedFor = isReading && !isHeldUp && !incoming.isWaiting && !isPausing
        if isWaitedFor, !due.isKept(by: arrived, others: othersAreWaiting) {
            if isHalfArrived {
                let reason = "half a command arrived, and too little of it in \(server.options.commandSeconds) seconds"
                replies.error(StoreError(.other, "Protocol error: \(reason)"))
                closing(because: reason)
                return proceed()
            }
            if othersAreWaiting {
                transaction?.giveUp()
                return proceed()
            }
        }
        watchArrival()
    }

    // MARK: Reading

    /// Bytes that the client has not taken yet.
    var unsentBytes: Int {
        guard let channel = context?.channel, channel.isActive else { return 0 }
        return (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    /// A client that has been sent more than it takes must go on taking it.
    func watchWriting() {
        // A connection that has ended is not held for its deadline's sake.
        guard writing == nil, context?.channel.isActive == true else { return }
        let handler = NIOLoopBound(self, eventLoop: eventLoop)
        writing = Deadline(written - unsentBytes, of: unsentBytes, in: writeSeconds, eventLoop) {
            handler.value.writingIsDue()
        }
    }

    /// A server that stops waits for readers, and not for those who do not read.
    private var writeSeconds: Int { isDraining ? min(server.options.writeSeconds, 1) : server.options.writeSeconds }

    private func writingIsDue() {
        guard let due = writing.take() else { return }
        let handler = NIOLoopBound(self, eventLoop: eventLoop)
        writing = due.grace(eventLoop) { handler.value.writingIsDue() }
        if writing != nil { return }
        if due.isKept(by: written - unsentBytes, others: server.outgoing.isContended) {
            watchWriting()
        } else {
            cut(
                "\(unsentBytes + replies.bytes.count) bytes of replies wait, of which it has read too little in \(writeSeconds) seconds"
            )
        }
    }

    // MARK: Cutting

    /// Closes the connection at once; what has not been sent is lost.
    func cut(_ reason: String) {
        tell(reason)
        isClosing = true
        context?.close(promise: nil)
    }

    /// Takes no more of the client's commands, through no wish of its own, and has an operator know.
    func closing(because reason: String) {
        if !isClosing { tell(reason) }
        isClosing = true
    }

    private func tell(_ reason: String) {
        guard !isCutTold else { return }
        isCutTold = true
        server.cuts.note("connection \(number) of \(PeerCredentials.name(history.peer)) was closed: \(reason)")
    }
}
