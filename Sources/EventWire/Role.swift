// Owns: the roles; which of them each command needs, what an argument adds to that, and which events a command may come to.
// Refuses to know: who has which role.

package import EventModel

/// What somebody may be allowed to do.
package enum Role: String, CaseIterable, Hashable, Sendable {
    /// Asking for events, and for what the daemon's own reducers fold of them.
    case read
    case append
    /// Having Lua of one's own folded over what one may read.
    case reduce
    /// Upkeep of the store, and seeing who else is connected.
    case operate
    /// Having the daemon configured anew.
    case admin

    /// Whether it can be limited to some categories.
    package var isAboutEvents: Bool {
        switch self {
        case .read, .append, .reduce: true
        case .operate, .admin: false
        }
    }

    /// The category of Redis' access lists that COMMAND INFO puts the role's commands in.
    var accessCategory: StaticString {
        switch self {
        case .read: "@evstore-read"
        case .append: "@evstore-append"
        case .reduce: "@evstore-reduce"
        case .operate: "@evstore-operate"
        case .admin: "@evstore-admin"
        }
    }
}

package struct RoleSet: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package init(_ role: Role) {
        switch role {
        case .read: rawValue = 1
        case .append: rawValue = 2
        case .reduce: rawValue = 4
        case .operate: rawValue = 8
        case .admin: rawValue = 16
        }
    }

    package static let read = RoleSet(Role.read)
    package static let append = RoleSet(Role.append)
    package static let reduce = RoleSet(Role.reduce)
    package static let operate = RoleSet(Role.operate)
    package static let all = RoleSet(Role.allCases.map(RoleSet.init(_:)))

    /// In the order in which they are declared.
    package var roles: [Role] { Role.allCases.filter { contains(RoleSet($0)) } }
}

extension CommandName {
    /// The role without which nobody has the command performed; nil where it is about the caller's own connection, or tells
    /// nothing of any event.
    package var role: Role? {
        switch self {
        case .get, .read, .blocks, .count, .last, .state, .fold, .projections, .projection, .reducers, .subscribe: .read
        case .append: .append
        case .rebuild, .roll, .snapshot, .compact, .verify: .operate
        case .reload: .admin
        case .unsubscribe, .evInfo, .multi, .exec, .discard, .info, .hello, .ping, .echo, .auth, .client, .command,
            .config, .select, .quit, .reset, .whoAmI:
            nil
        }
    }
}

/// Which events a command may come to.
package enum Reach: Hashable, Sendable {
    /// None; or one that shows only when it is read.
    case none
    case everything
    /// Those that match any of the alternatives, or, without any, everything.
    case matching([Criteria])
}

extension Command {
    /// The roles that it needs, of which `name` says the first.
    package func roles(_ name: CommandName) -> RoleSet {
        var roles = name.role.map { RoleSet($0) } ?? []
        if case .fold(let request) = self, case .lua = request.source { roles.insert(.reduce) }
        return roles
    }

    /// The events that it may come to, for the roles that are about events.
    package var reach: Reach {
        switch self {
        case .read(let request): .matching(request.filter.alternatives)
        case .count(let filter), .last(let filter): .matching(filter.alternatives)
        case .fold(let request): .matching(request.filter.alternatives)
        case .subscribe(let request): .matching(request.filter.alternatives)
        case .state(let request): .matching([Criteria(categories: request.category.map { [$0] } ?? [])])
        // A state, and the reason why there is none, may hold anything that its reducer was given.
        case .blocks, .projection, .projections: .everything
        case .append, .multi, .exec, .discard, .get, .rebuild, .reducers, .reload, .unsubscribe, .info, .roll,
            .snapshot, .compact, .verify, .connection, .server, .reset, .quit, .whoAmI:
            .none
        }
    }
}

extension AppendRequest {
    /// The roles that it needs. A condition is a question: its answer says whether there is such an event, and which.
    package var roles: RoleSet { unless == nil ? .append : [.append, .read] }
}
