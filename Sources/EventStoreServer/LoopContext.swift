// Owns: what the connections of one event loop share: a validator with its JSON parser, and the way back from the
// writer's thread, so that the loop is woken once for all its finished batches.

import EventModel
import EventStore
import NIOCore

/// One for each event loop.
///
/// `@unchecked Sendable` because everything but `complete` is used on its event loop alone, and `complete` only hands
/// over to it.
final class LoopContext: AppendSink, @unchecked Sendable {
    let eventLoop: any EventLoop
    let validator: EventValidator

    init(_ eventLoop: any EventLoop, limits: EventLimits) {
        self.eventLoop = eventLoop
        validator = EventValidator(limits: limits)
    }

    func complete(_ batches: [AppendBatch]) {
        eventLoop.execute {
            for batch in batches {
                guard let connection = batch.token as? ConnectionHandler else {
                    preconditionFailure("a batch of this loop belongs to one of its connections")
                }
                connection.complete(batch)
            }
        }
    }
}
