// Owns: the names of the commands and how many arguments each takes.

/// In lower case, as Redis writes command names in its replies.
enum CommandName: String, CaseIterable {
    case append = "ev.append"
    case get = "ev.get"
    case read = "ev.read"
    case blocks = "ev.blocks"
    case count = "ev.count"
    case state = "ev.state"
    case fold = "ev.fold"
    case projections = "ev.projections"
    case projection = "ev.projection"
    case rebuild = "ev.rebuild"
    case subscribe = "ev.subscribe"
    case unsubscribe = "ev.unsubscribe"
    case evInfo = "ev.info"
    case roll = "ev.roll"
    case snapshot = "ev.snapshot"
    case compact = "ev.compact"
    case verify = "ev.verify"
    case multi, exec, discard, info, hello, ping, echo, auth, client, command, config, select, quit, reset

    init?(_ bytes: UnsafeRawBufferPointer) {
        self.init(rawValue: bytes.keyword.lowercased())
    }

    /// Redis' convention: the count of arguments, the name included; negative where there may be more.
    var arity: Int {
        switch self {
        case .append: -5
        case .get, .rebuild, .unsubscribe, .echo, .select: 2
        case .read, .blocks, .count, .subscribe, .info, .hello, .ping, .command, .quit: -1
        case .state: -4
        case .fold: -3
        case .projection, .auth, .client, .config: -2
        case .projections, .evInfo, .roll, .snapshot, .compact, .verify, .multi, .exec, .discard, .reset: 1
        }
    }

    func accepts(argumentCount count: Int) -> Bool {
        arity < 0 ? count >= -arity : count == arity
    }
}
