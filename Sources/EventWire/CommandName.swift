// Owns: the names of the commands and how many arguments each takes.

/// In lower case, as Redis writes command names in its replies.
package enum CommandName: String, CaseIterable, Sendable {
    case append = "ev.append"
    case get = "ev.get"
    case read = "ev.read"
    case blocks = "ev.blocks"
    case count = "ev.count"
    case last = "ev.last"
    case state = "ev.state"
    case fold = "ev.fold"
    case projections = "ev.projections"
    case projection = "ev.projection"
    case rebuild = "ev.rebuild"
    case reducers = "ev.reducers"
    case reload = "ev.reload"
    case subscribe = "ev.subscribe"
    case unsubscribe = "ev.unsubscribe"
    case evInfo = "ev.info"
    case roll = "ev.roll"
    case snapshot = "ev.snapshot"
    case compact = "ev.compact"
    case verify = "ev.verify"
    case whoAmI = "ev.whoami"
    case multi, exec, discard, info, hello, ping, echo, auth, client, command, config, select, quit, reset

    private static let named = Dictionary(uniqueKeysWithValues: allCases.map { ($0.rawValue.uppercased(), $0) })

    init?(_ bytes: UnsafeRawBufferPointer) {
        guard let name = Self.named[bytes.keyword] else { return nil }
        self = name
    }

    /// Redis' convention: the count of arguments, the name included; negative where there may be more.
    var arity: Int {
        switch self {
        case .append: -5
        case .get, .rebuild, .unsubscribe, .echo, .select: 2
        case .read, .blocks, .count, .last, .subscribe, .info, .hello, .ping, .command, .quit: -1
        case .state: -4
        case .fold: -3
        case .projection, .auth, .client, .config: -2
        case .projections, .reducers, .reload, .evInfo, .roll, .snapshot, .compact, .verify, .whoAmI, .multi, .exec,
            .discard, .reset:
            1
        }
    }

    func accepts(argumentCount count: Int) -> Bool {
        arity < 0 ? count >= -arity : count == arity
    }
}
