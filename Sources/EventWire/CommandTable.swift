// Owns: what COMMAND tells about the commands, in Redis' shapes, so that redis-cli completes and explains them.
// Refuses to know: what each command takes; that is told in CommandSyntax.

enum CommandTable {
    static func answer(_ query: ConnectionCommand.Query, _ replies: inout ReplyEncoder) {
        switch query {
        case .count: replies.integer(Int64(CommandName.allCases.count))
        case .info([]):
            replies.array(CommandName.allCases.count)
            for name in CommandName.allCases { info(name, &replies) }
        case .info(let names):
            replies.array(names.count)
            for name in names {
                // An array of what an unknown command has: nothing.
                if let name = CommandName(rawValue: name.lowercased()) {
                    info(name, &replies)
                } else {
                    replies.nullArray()
                }
            }
        case .docs(let names):
            let known =
                names.isEmpty ? CommandName.allCases : each(names).compactMap { CommandName(rawValue: $0) }
            replies.map(known.count)
            for name in known { docs(name, &replies) }
        }
    }

    /// Each once, or a short question would have an answer a hundred times as long.
    private static func each(_ names: [String]) -> [String] {
        var seen: Set<String> = []
        return names.map { $0.lowercased() }.filter { seen.insert($0).inserted }
    }

    /// Name, arity, flags, first key, last key, step, categories, tips, key specifications, subcommands.
    private static func info(_ name: CommandName, _ replies: inout ReplyEncoder) {
        replies.array(10)
        replies.bulk(name.rawValue)
        replies.integer(Int64(name.arity))
        let flags = name.flags
        replies.set(flags.count)
        for flag in flags { replies.simple(flag) }
        // No argument is a key: nothing of ours is spread over a cluster.
        for _ in 0..<3 { replies.integer(Int64(0)) }
        replies.set(name.role == nil ? 0 : 1)
        if let role = name.role { replies.simple(role.accessCategory) }
        replies.array(0)
        replies.array(0)
        replies.array(0)
    }

    private static func docs(_ name: CommandName, _ replies: inout ReplyEncoder) {
        let syntax = name.syntax
        replies.bulk(name.rawValue)
        replies.map(syntax.arguments.isEmpty ? 3 : 4)
        replies.bulk("summary")
        replies.bulk(syntax.summary)
        replies.bulk("since")
        replies.bulk("1.0.0")
        replies.bulk("group")
        replies.bulk(name.group)
        guard !syntax.arguments.isEmpty else { return }
        replies.bulk("arguments")
        arguments(syntax.arguments, &replies)
    }

    private static func arguments(_ arguments: [CommandArgument], _ replies: inout ReplyEncoder) {
        replies.array(arguments.count)
        for argument in arguments {
            let flags = argument.flags
            replies.map(
                2 + (argument.token == nil ? 0 : 1) + (flags.isEmpty ? 0 : 1) + (argument.parts.isEmpty ? 0 : 1)
            )
            replies.bulk("name")
            replies.bulk(argument.name)
            replies.bulk("type")
            replies.bulk(argument.type.rawValue)
            if let token = argument.token {
                replies.bulk("token")
                replies.bulk(token)
            }
            if !flags.isEmpty {
                replies.bulk("flags")
                replies.set(flags.count)
                for flag in flags { replies.simple(flag) }
            }
            if !argument.parts.isEmpty {
                replies.bulk("arguments")
                Self.arguments(argument.parts, &replies)
            }
        }
    }
}

extension CommandName {
    fileprivate var flags: [StaticString] {
        switch self {
        case .append: ["write", "denyoom", "fast"]
        case .rebuild, .reload, .roll, .snapshot, .compact, .verify: ["admin"]
        case .get, .blocks, .count, .state, .fold, .projections, .projection, .reducers: ["readonly"]
        case .read: ["readonly", "blocking"]
        case .subscribe, .unsubscribe: ["pubsub"]
        default: ["fast", "loading"]
        }
    }

    fileprivate var group: String {
        switch self {
        case .hello, .ping, .echo, .auth, .client, .select, .quit, .reset: "connection"
        case .multi, .exec, .discard: "transactions"
        case .info, .command, .config: "server"
        default: "evstore"
        }
    }
}
