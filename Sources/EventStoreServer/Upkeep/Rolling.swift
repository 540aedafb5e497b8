// Owns: EV.ROLL, as a connection asks for it and is answered.

import EventModel
import EventStore
import EventWire
import NIOCore
import SegmentLog

extension ConnectionHandler {
    /// Has the writer close its segment, and says which ids are in it.
    func roll() {
        let reply = eventLoop.makePromise(of: [UInt8].self)
        let version = replies.version
        server.store.roll { result in
            var replies = ReplyEncoder(version: version)
            switch result {
            case .success(let ids?):
                replies.bulk(
                    JSONText.object([
                        ("rolled", .true), ("first_id", .number(ids.lowerBound.rawValue)),
                        ("last_id", .number(ids.upperBound.rawValue)),
                    ])
                )
            case .success(nil): replies.bulk(JSONText.object([("rolled", .false)]))
            case .failure(let error): replies.error(error)
            }
            reply.succeed(replies.bytes)
        }
        begin(reply.futureResult)
    }
}
