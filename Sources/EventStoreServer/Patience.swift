// Owns: how long a connection is waited for: to send the rest of what it has begun, and to read what it was sent.
//
// Going on at all is enough while nobody needs the memory that the connection holds. While others wait for it, a MiB at a
// time is asked for: who trickles is not waited for.

import EventModel
import EventWire
import NIOCore

/// A moment by which a connection must have gone on.
struct Deadline {
    /// What the connection had sent, or had taken, when it was set.
    let progress: Int
    private let task: Scheduled<Void>

    init(_ progress: Int, in seconds: Int, _ eventLoop: any EventLoop, _ pass: @escaping @Sendable () -> Void) {
        self.progress = progress
        task = eventLoop.scheduleTask(in: .seconds(Int64(seconds)), pass)
    }

    func cancel() { task.cancel() }

    /// Whether a connection that has come so far since may be waited for again.
    func isKept(by progress: Int, others areWaiting: Bool) -> Bool {
        Self.isEnough(progress - self.progress, othersAreWaiting: areWaiting)
    }

    static func isEnough(_ bytes: Int, othersAreWaiting: Bool) -> Bool {
        bytes >= (othersAreWaiting ? 1 << 20 : 1)
    }
}

extension ConnectionHandler {
    // MARK: Sending

    /// Whether something has begun to arrive that takes memory until the rest is there.
    private var isHalfArrived: Bool { buffer.readableBytes > 0 }
    var hasLargeTransaction: Bool { (transaction?.memoryBytes ?? 0) > BufferBudget.share }

    /// A command that has begun must go on arriving.
    func watchArrival() {
        guard arrival == nil, isHalfArrived || hasLargeTransaction else { return }
        let handler = NIOLoopBound(self, eventLoop: eventLoop)
        arrival = Deadline(arrived, in: server.options.commandSeconds, eventLoop) { handler.value.arrivalIsDue() }
    }

    private func arrivalIsDue() {
        guard let due = arrival.take(), isQuiet, !isClosing else { return }
        // A connection that is not being read from is not to blame for what has not arrived.
        let othersAreWaiting = server.incoming.isContended
        if isReading, !due.isKept(by: arrived, others: othersAreWaiting) {
            if isHalfArrived {
                let seconds = server.options.commandSeconds
                replies.error(
                    StoreError(
                        .other,
                        "Protocol error: half a command arrived, and too little of it in \(seconds) seconds"
                    )
                )
                isClosing = true
                return proceed()
            }
            if othersAreWaiting {
                transaction?.breakOff()
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
        guard writing == nil else { return }
        let handler = NIOLoopBound(self, eventLoop: eventLoop)
        writing = Deadline(written - unsentBytes, in: server.options.writeSeconds, eventLoop) {
            handler.value.writingIsDue()
        }
    }

    private func writingIsDue() {
        guard let due = writing.take(), let context else { return }
        if due.isKept(by: written - unsentBytes, others: server.outgoing.isContended) {
            watchWriting()
        } else {
            context.close(promise: nil)
        }
    }
}
