// Owns: what one connection holds for its client, counted for the budgets.

import EventModel
import EventWire
import NIOCore

extension ConnectionHandler {
    /// Bytes that the client has sent and the connection holds, once another read has brought so many. What is to be
    /// staged is counted twice, as it lies in the buffer and as it will lie in the writer's inbox.
    func incomingBytes(reading bytes: Int = 0) -> Int {
        let unread = buffer.readableBytes + bytes
        var capacity = buffer.readableBytes == 0 ? bytes : buffer.storageCapacity
        while capacity < unread { capacity *= 2 }
        return capacity + unread + decoderBytes + (transaction?.memoryBytes ?? 0) + flight.bytes
    }

    /// Lets go of the room for an answer that is not to come for a while.
    func keep(_ bytes: Int) {
        executingBytes = bytes
        outgoing.settle(outgoingBytes)
    }

    /// Bytes that are for the client, or will be. What a channel that is writable has not sent yet is little, and lies in
    /// anybody's share; to ask for it would cost more than many a command.
    var outgoingBytes: Int {
        replies.bytes.count + (isWritable ? 0 : unsentBytes) + (isExecuting ? executingBytes : 0) + gate.held
            + subscriptionBytes + Command.filterFactor * run.wireBytes
    }

    /// Whether so many bytes of commands may be staged; a record takes no more than the command it came in.
    func hasRoom(forStaging bytes: Int) -> Bool {
        incoming.covers(incomingBytes() + bytes)
    }

    /// Whether another command may be staged. Where nothing is in flight there will be no occasion to ask again, so the
    /// connection waits for its turn.
    var hasRoom: Bool {
        let held = incomingBytes()
        if incoming.covers(held) { return true }
        if flight.appends == 0 { incoming.wait(for: held) }
        return false
    }

    /// Lets go of memory that commands came in and that is not needed for what is left.
    func dropWhatIsRead() {
        if buffer.readableBytes == 0 {
            buffer = ByteBuffer()
        } else if buffer.storageCapacity >= 4 * buffer.readableBytes {
            buffer = ByteBuffer(buffer: buffer)
        }
    }
}
