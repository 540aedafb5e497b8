// Owns: which part of the server performs a command that is not an append.

import EventModel
import EventWire

extension ConnectionHandler {
    /// Performs a command that is not an append. Everything before it has been answered.
    func perform(_ command: Command) {
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
            handshake.answer(command, &replies)
            // RESP2 has no pushes.
            if replies.version == .resp2 { endSubscriptions() }
        case .reset:
            transaction = nil
            endSubscriptions()
            handshake.reset(&replies)
        case .quit:
            replies.simple("OK")
            isClosing = true
        case .subscribe(let request): subscribe(request)
        case .unsubscribe(let number): unsubscribe(number)
        case .read(let request) where request.blockMilliseconds != nil: readBlocking(request)
        case .roll: roll()
        default: read(command)
        }
    }
}
