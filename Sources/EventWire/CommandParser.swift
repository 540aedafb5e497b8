// Owns: which command a list of arguments is. Each command's own grammar is in the file of its family.

package import EventModel

package enum CommandParser {
    /// Whether it is an EV.APPEND with enough arguments, told by its bytes. For the one command there are millions of,
    /// which is worth a way that makes no `Command` of it.
    package static func isAppend(_ arguments: ArgumentList) -> Bool {
        arguments.count >= 5 && arguments[0].spells("EV.APPEND")
    }

    /// The command with its name, and the store that positions in it belong to, where they say so. `tail` is asked for where `$`
    /// stands among the arguments.
    package static func parse(
        _ arguments: ArgumentList,
        tail: () -> EventID = { .zero }
    ) throws(StoreError) -> (command: Command, name: CommandName, store: EventUUID?) {
        guard let name = CommandName(arguments[0]) else { throw unknown(arguments) }
        guard name.accepts(argumentCount: arguments.count) else { throw wrongArity(name.rawValue) }
        let asksForTail = (1..<max(1, arguments.count)).contains { arguments[$0].spells("$") }
        var cursor = ArgumentCursor(arguments, tail: asksForTail ? tail() : nil)
        let command = try parse(name, arguments, &cursor)
        return (command, name, cursor.store)
    }

    private static func parse(
        _ name: CommandName,
        _ arguments: ArgumentList,
        _ cursor: inout ArgumentCursor
    ) throws(StoreError) -> Command {
        switch name {
        case .append: return .append(try AppendRequest(arguments))
        case .multi: return .multi
        case .exec: return .exec
        case .discard: return .discard
        case .get: return .get(try cursor.eventID())
        case .read: return .read(try ReadRequest(&cursor))
        case .blocks: return .blocks(try BlocksRequest(&cursor))
        case .count: return .count(try Filter(&cursor))
        case .last: return .last(try Filter(&cursor))
        case .state: return .state(try StateRequest(&cursor))
        case .fold: return .fold(try FoldRequest(&cursor))
        case .projections: return .projections
        case .projection: return .projection(try ProjectionRequest(&cursor))
        case .rebuild: return .rebuild(projection: try cursor.name("projection"))
        case .reducers: return .reducers
        case .reload: return .reload
        case .subscribe: return .subscribe(try SubscribeRequest(&cursor))
        case .unsubscribe: return .unsubscribe(try cursor.number(0...UInt64.max, "a subscription number"))
        case .evInfo: return .info
        case .roll: return .roll
        case .snapshot: return .snapshot
        case .compact: return .compact
        case .verify: return .verify
        case .whoAmI: return .whoAmI
        case .hello, .ping, .echo, .auth, .client, .command, .config, .info, .select:
            if let command = try ServerCommand(name, arguments) { return .server(command) }
            return .connection(try ConnectionCommand(name, arguments))
        case .reset: return .reset
        case .quit: return .quit
        }
    }

    static func wrongArity(_ name: String) -> StoreError {
        StoreError(.other, "wrong number of arguments for '\(name)' command")
    }

    /// Word for word as Redis says it, since clients look for this text to learn what a server can do.
    private static func unknown(_ arguments: ArgumentList) -> StoreError {
        var text = ""
        for index in 1..<max(1, arguments.count) where text.utf8.count < 128 {
            text += arguments[index].quoted + " "
        }
        return StoreError(.other, "unknown command \(arguments[0].quoted), with args beginning with: \(text)")
    }
}
