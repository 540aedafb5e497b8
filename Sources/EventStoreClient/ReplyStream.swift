// Owns: turning the buffers a channel reads into replies.

import EventWire
import NIOCore

struct ReplyStream: ~Copyable {
    private var unread = ByteBuffer()
    private var decoder = RESPReplyDecoder()

    mutating func receive(_ buffer: inout ByteBuffer) {
        if unread.readableBytes == 0 {
            unread = buffer
        } else {
            unread.discardReadBytes()
            unread.writeBuffer(&buffer)
        }
    }

    /// The next whole reply.
    mutating func next() throws(WireError) -> RESPValue? {
        let result = unread.withUnsafeReadableBytes { bytes in
            Result { () throws(WireError) in try decoder.next(bytes) }
        }
        switch try result.get() {
        case .value(let value, let consumed):
            unread.moveReaderIndex(forwardBy: consumed)
            return value
        case .incomplete(let consumed):
            unread.moveReaderIndex(forwardBy: consumed)
            return nil
        }
    }
}
