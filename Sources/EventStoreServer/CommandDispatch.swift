// Owns: which part of the server performs a command that is not an append, and how much memory it may come to need.

import EventModel
import EventStore
import EventWire

extension ConnectionHandler {
    /// Performs a command that is not an append. Everything before it has been answered.
    func perform(_ command: Command, wireBytes: Int) {
        if transaction != nil {
            switch command {
            case .multi: return refuse(StoreError(.other, "MULTI calls can not be nested"))
            case .discard:
                transaction = nil
                return replies.simple("OK")
            case .reset, .quit: break
            default:
                return refuse(StoreError(.other, "only EV.APPEND is allowed between MULTI and EXEC"))
            }
        }
        switch command {
        case .append: preconditionFailure("appends are taken before")
        case .multi:
            transaction = OpenTransaction()
            replies.simple("OK")
        case .exec: replies.error(StoreError(.other, "EXEC without MULTI"))
        case .discard: replies.error(StoreError(.other, "DISCARD without MULTI"))
        case .connection(let command):
            handshake.answer(command, loading: loop.serving == nil ? server.loadedPercent : nil, &replies)
            // RESP2 has no pushes.
            if replies.version == .resp2 { endSubscriptions() }
        case .reset:
            transaction = nil
            endSubscriptions()
            handshake.reset(&replies)
        case .quit:
            replies.simple("OK")
            isClosing = true
        case .unsubscribe(let number): unsubscribe(number)
        case .info where loop.serving == nil: replies.bulk(server.loadingInfo)
        default:
            guard let serving = loop.serving else { return refuse(server.loadingError) }
            switch command {
            case .subscribe(let request): subscribe(request, serving.store, wireBytes: wireBytes)
            case .read(let request) where request.blockMilliseconds != nil:
                readBlocking(request, wireBytes: wireBytes)
            case .roll: roll()
            default: read(command)
            }
        }
    }
}

extension Command {
    /// Bytes that names and filters take in memory, at most, for each byte they come in.
    static let filterFactor = 4
    /// What one subscription takes beside its filter, about.
    private static let subscriptionBytes = 1 << 10

    /// Bytes of memory that performing the command and keeping its answer may take, at most or about; 0 where they are
    /// not worth asking for.
    func memoryBytes(wireBytes: Int, _ server: ServerCore) -> Int {
        let arguments = Self.filterFactor * wireBytes
        return switch self {
        case .get: arguments + server.eventBytes
        case .read(let request):
            arguments + min(request.count, server.replyEvents) * server.eventBytes
        // The blocks, the reply that they are copied to, and what is written of it; the last block may pass the limit.
        case .blocks(let request): 3 * (server.byteLimit(request) + server.eventBytes)
        case .state, .fold, .projection: arguments + server.options.replyBytes
        case .subscribe: arguments + Self.subscriptionBytes
        case .count: arguments
        default: 0
        }
    }
}
