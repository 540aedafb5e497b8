// Owns: whether a command is begun, which part of the server performs one that is not an append, and how much memory it may come
// to need.

import EventModel
import EventStore
import EventWire

extension ConnectionHandler {
    /// Begins a command; false where it has to wait.
    func begin(_ arguments: ArgumentList, wireBytes: Int, _ validator: EventValidator?) -> Bool {
        var refusal: Refusal?
        do throws(StoreError) {
            if CommandParser.isAppend(arguments) {
                guard run.isEmpty, transaction != nil || !isPaced else { return false }
                append(try AppendRequest(arguments), wireBytes: wireBytes, validator)
                return true
            }
            let (command, name, store) = try CommandParser.parse(arguments) { loop.serving?.store.tail ?? .zero }
            history.lastCommand = command.name
            if case .exec = command, let open = transaction {
                guard !isPaced else { return false }
                transaction = nil
                execute(open)
                return true
            }
            guard flight.appends == 0, !isExecuting else { return false }
            refusal = caller.refusal(of: command, name)
            if let refusal { throw refusal.error }
            try loop.serving?.store.check(store)
            let query = transaction == nil && loop.serving != nil ? Query(command, of: caller) : nil
            if let query, !run.isEmpty { return run.append(query, wireBytes: wireBytes) }
            guard run.isEmpty else { return false }
            let needed = command.memoryBytes(wireBytes: wireBytes, server)
            guard needed == 0 || outgoing.covers(outgoingBytes + needed) else {
                outgoing.wait(for: outgoingBytes + needed)
                return false
            }
            if let query { return run.append(query, wireBytes: wireBytes) }
            executingBytes = needed
            perform(command, wireBytes: wireBytes)
        } catch {
            if run.isEmpty {
                refuse(error)
            } else if !run.append(.mistake(error), wireBytes: wireBytes) {
                return false
            }
            // Once it has its place among the answers, so that it is written down once.
            if let refusal { caller.note(refusal) }
        }
        return true
    }

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
            handshake.answer(
                command,
                loading: loop.serving == nil ? server.loadedPercent : nil,
                store: loop.serving?.store.uuid.description,
                &replies
            )
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
        case .server(.configuration(let patterns)):
            let entries = server.configuration(patterns)
            replies.map(entries.count)
            for entry in entries {
                replies.bulk(entry.name)
                replies.bulk(entry.value)
            }
        case .server(.clients(let clients)): list(clients)
        case .whoAmI: replies.identity(of: caller)
        case .server(.info(let sections)) where loop.serving == nil:
            replies.bulk(server.redisInfo(sections, store: nil))
        case .info where loop.serving == nil: replies.bulk(ServerCore.text(server.loadingInfoSections))
        default:
            guard let serving = loop.serving else { return refuse(server.loadingError) }
            switch command {
            case .subscribe(let request): subscribe(request, serving.store, wireBytes: wireBytes)
            case .read(let request) where request.blockMilliseconds != nil:
                readBlocking(request, wireBytes: wireBytes)
            case .roll:
                if let objection = server.caps.roll(of: caller.user) {
                    caller.note(.roll, refused: objection)
                    return refuse(objection)
                }
                act = Act(.roll)
                roll()
            case .verify:
                act = Act(.verify)
                ask(.verify, serving.store)
            case .compact:
                act = Act(.compact)
                ask(.compact, serving.store)
            case .snapshot:
                act = Act(.snapshot)
                ask(.snapshot, serving.store)
            default: preconditionFailure("a query is answered in its run")
            }
        }
    }
}

extension Command {
    /// Bytes that names and filters take in memory, at most, for each byte they come in.
    static let filterFactor = 4
    /// What one subscription takes beside its filter, about.
    private static let subscriptionBytes = 1 << 10

    /// Bytes of memory that performing the command takes before there is an answer, at most or about; 0 where they are not worth
    /// asking for. What answers take is asked for as they grow.
    func memoryBytes(wireBytes: Int, _ server: ServerCore) -> Int {
        let arguments = Self.filterFactor * wireBytes
        return switch self {
        case .get, .read, .blocks, .count, .last, .state, .fold, .projection: arguments
        case .subscribe: arguments + Self.subscriptionBytes
        // Their answers may hold what they were sent.
        case .connection(.command(.info(let names))): wireBytes + 256 * names.count
        case .connection: wireBytes
        case .server(.clients(.list)): server.connections.count * ConnectionHandler.listingBytes
        default: 0
        }
    }
}
