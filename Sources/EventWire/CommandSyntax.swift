// Owns: the summary and the arguments of each command, as redis-cli shows them to a person.

/// One argument in the terms of COMMAND DOCS.
struct CommandArgument {
    enum Kind: String {
        case string, integer, block, oneof
        case token = "pure-token"
    }

    var name: String
    var type = Kind.string
    /// The keyword before the value, or the keyword itself.
    var token: String?
    var isOptional = false
    var isRepeatable = false
    var parts: [CommandArgument] = []

    var flags: [StaticString] {
        (isOptional ? ["optional"] : []) + (isRepeatable ? ["multiple"] + (token == nil ? [] : ["multiple_token"]) : [])
    }

    static func value(_ name: String, _ type: Kind = .string) -> CommandArgument {
        CommandArgument(name: name, type: type)
    }

    static func optional(_ name: String, _ type: Kind = .string) -> CommandArgument {
        CommandArgument(name: name, type: type, isOptional: true)
    }

    static func option(_ token: String, _ name: String, _ type: Kind = .string) -> CommandArgument {
        CommandArgument(name: name, type: type, token: token, isOptional: true)
    }

    static func repeated(_ token: String, _ name: String) -> CommandArgument {
        CommandArgument(name: name, token: token, isOptional: true, isRepeatable: true)
    }

    static func flag(_ token: String) -> CommandArgument {
        CommandArgument(name: token.lowercased(), type: .token, token: token, isOptional: true)
    }
}

extension [CommandArgument] {
    private static let criteria: [CommandArgument] = [
        .repeated("CATEGORY", "category"), .repeated("AGGREGATE", "aggregate"), .repeated("TYPE", "type"),
        .repeated("TAG", "tag"),
    ]

    fileprivate static let alternatives: [CommandArgument] =
        criteria + [
            CommandArgument(
                name: "alternative",
                type: .block,
                token: "OR",
                isOptional: true,
                isRepeatable: true,
                parts: criteria
            )
        ]

    fileprivate static let filter: [CommandArgument] =
        alternatives + [
            .option("AFTER", "id", .integer), .option("BEFORE", "id", .integer), .option("SINCE", "time"),
            .option("UNTIL", "time"), .option("ASOF", "id|time"), .flag("SKIPDAMAGE"),
        ]

    fileprivate static let moment: [CommandArgument] = [.option("AT", "time"), .option("ASOF", "id|time")]

    fileprivate static let append: [CommandArgument] = [
        .value("category"), .value("aggregate"), .value("type"), .value("data"),
        .option("TIMESTAMP", "time"), .option("VERSION", "number", .integer), .option("ID", "identifier"),
        .repeated("TAG", "tag"), .option("METADATA", "json"), .flag("WITHSTATUS"),
        CommandArgument(
            name: "condition",
            type: .block,
            token: "UNLESS",
            isOptional: true,
            parts: alternatives + [CommandArgument(name: "id", type: .integer, token: "AFTER")]
        ),
    ]

    fileprivate static let source: [CommandArgument] = [
        CommandArgument(
            name: "source",
            type: .oneof,
            parts: [CommandArgument(name: "name", token: "REDUCER"), CommandArgument(name: "source", token: "LUA")]
        )
    ]
}

extension CommandName {
    var syntax: (summary: String, arguments: [CommandArgument]) {
        switch self {
        case .append: ("Appends an event and returns its id once it is durable.", .append)
        case .get: ("Returns one event.", [.value("id", .integer)])
        case .read:
            (
                "Returns the events that match a filter, in order.",
                .filter + [
                    .option("COUNT", "count", .integer), .flag("REV"), .option("BLOCK", "milliseconds", .integer),
                    .flag("WITHHEAD"),
                ]
            )
        case .blocks:
            (
                "Returns whole blocks of the log, compressed, for a client that reads everything.",
                [.option("AFTER", "id", .integer), .option("BYTES", "bytes", .integer)]
            )
        case .count: ("Counts the events that match a filter.", .filter)
        case .last: ("Returns the id of the last event that matches a filter; 0 where there is none.", .filter)
        case .state:
            (
                "Folds the events of one aggregate into its state, at any moment.",
                [.value("aggregate"), CommandArgument(name: "name", token: "REDUCER"), .option("CATEGORY", "category")]
                    + .moment + [
                        .flag("SKIPDAMAGE")
                    ]
            )
        case .fold: ("Folds the events that match a filter.", .source + .filter)
        case .projections: ("Lists the projections with position, lag and health.", [])
        case .projection: ("Returns the state of a projection, at any moment.", [.value("name")] + .moment)
        case .rebuild: ("Rebuilds a projection from the log.", [.value("name")])
        case .reducers: ("Lists the files of the reducers' folder, with what has come of each.", [])
        case .reload: ("Reads the configuration and the reducers anew, as SIGHUP does.", [])
        case .subscribe:
            ("Delivers matching events as they are appended (RESP3).", .filter + [.option("FROM", "id", .integer)])
        case .unsubscribe: ("Ends a subscription.", [.value("number", .integer)])
        case .evInfo: ("Reports state, tail, segments, sizes, lag and limits.", [])
        case .info:
            (
                "Reports the same, and what Redis reports, by its names.",
                [CommandArgument(name: "section", isOptional: true, isRepeatable: true)]
            )
        case .roll: ("Begins a new log segment.", [])
        case .snapshot: ("Saves the state of the projections.", [])
        case .compact: ("Merges and rewrites sealed segments.", [])
        case .verify: ("Checks every byte of the log.", [])
        case .whoAmI: ("Tells who the caller is, and which roles it has.", [])
        case .multi: ("Begins an atomic append of several events.", [])
        case .exec: ("Commits the events queued since MULTI.", [])
        case .discard: ("Drops the events queued since MULTI.", [])
        case .hello: ("Negotiates the protocol version.", [.optional("version", .integer)])
        case .ping: ("Answers PONG, or the message.", [.optional("message")])
        case .echo: ("Answers the message.", [.value("message")])
        case .auth: ("Accepts the user default; there are no passwords.", [.optional("username"), .value("password")])
        case .client: ("Names, identifies and lists connections.", [.value("subcommand")])
        case .command: ("Describes the commands.", [.optional("subcommand")])
        case .config: ("Tells the configuration by Redis' names.", [.value("subcommand"), .value("parameter")])
        case .select: ("Accepts database 0.", [.value("index", .integer)])
        case .quit: ("Closes the connection.", [])
        case .reset: ("Puts the connection back to how it began.", [])
        }
    }
}
