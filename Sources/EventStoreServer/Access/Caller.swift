// Owns: one connection's peer as somebody who asks: what it may do through the socket that it came by, and what is said where it
// may not.

import EventModel
import EventWire
import NIOCore

/// Why something is not allowed.
struct Refusal {
    /// For the audit line.
    let reason: String
    /// For the caller.
    let error: StoreError
    /// The command, as it is written.
    let command: String
    /// The role that is missing.
    let role: Role
}

/// Does not change; where the rules do, the connection gets another one. May be used from any thread.
final class Caller: Sendable {
    /// Nil where the system does not tell.
    let peer: PeerCredentials?
    /// Whether it came by the socket that is read-only whoever the peer.
    let isReadOnly: Bool
    let connection: Int64
    let permissions: Permissions
    /// The rules that these follow from.
    let rulesVersion: Int
    private let audit: Audit

    init(
        _ peer: PeerCredentials?,
        isReadOnly: Bool,
        connection: Int64,
        _ rules: AccessRules,
        _ version: Int,
        _ options: ServerOptions,
        _ audit: Audit
    ) {
        (self.peer, self.isReadOnly, self.connection, self.audit) = (peer, isReadOnly, connection, audit)
        rulesVersion = version
        let doesEverything = peer.map { options.unlimitedUsers.contains($0.user) } ?? false
        let permissions = doesEverything ? .all : rules.permissions(of: peer)
        self.permissions = isReadOnly ? permissions.restricted(to: .read) : permissions
    }

    /// Whether any event may be appended that asks no question.
    var appendsEverything: Bool { permissions.unlimited.contains(.append) }

    var user: UInt32? { peer?.user }

    // MARK: What is allowed

    /// Why a command is not to be performed; nil where it is.
    func refusal(of command: Command, _ name: CommandName) -> Refusal? {
        let roles = command.roles(name)
        guard !permissions.unlimited.isSuperset(of: roles) else { return nil }
        return refusal(of: name, roles, command.reach)
    }

    /// Why an event is not to be appended; nil where it is.
    func refusal(of request: AppendRequest) -> Refusal? {
        let roles = request.roles
        guard !permissions.unlimited.isSuperset(of: roles) else { return nil }
        if !permissions.granted.contains(.append) { return refusal(of: .append, lacking: .append) }
        if let categories = permissions.categories(of: .append), !categories.contains(request.event.category) {
            return refusal(of: .append, .append, category: String(decoding: request.event.category, as: UTF8.self))
        }
        guard let condition = request.unless else { return nil }
        return refusal(of: .append, .read, .matching(condition.alternatives))
    }

    /// Why an event is not to be shown by a command that has asked for it by its id; nil where it is.
    func refusal(of name: CommandName, toShow event: EventParts) -> Refusal? {
        guard let categories = permissions.categories(of: .read), !categories.contains(event.category) else {
            return nil
        }
        // Whoever may not read a category learns no name of it by asking for ids; the audit line has it.
        let category = String(decoding: event.category, as: UTF8.self)
        return Refusal(name, lacking: .read, "needs read for the category '\(category)'") { [userName] command in
            "\(command) needs the role read for the event's category, which \(userName) does not have"
        }
    }

    /// Why a question that goes on is not to be answered any more; nil where it is.
    func refusal(of name: CommandName, _ roles: RoleSet, _ reach: Reach) -> Refusal? {
        for role in roles.roles {
            guard permissions.granted.contains(RoleSet(role)) else { return refusal(of: name, lacking: role) }
            guard let categories = permissions.categories(of: role) else { continue }
            switch reach {
            case .none: continue
            case .everything: return refusal(of: name, role, only: categories, isHelpedByNames: false)
            case .matching(let alternatives):
                guard !alternatives.isEmpty, alternatives.allSatisfy({ !$0.categories.isEmpty }) else {
                    return refusal(of: name, role, only: categories, isHelpedByNames: true)
                }
                for category in alternatives.flatMap(\.categories) where !categories.contains(category) {
                    return refusal(of: name, role, category: category)
                }
            }
        }
        return nil
    }

    /// An error, without what it says of an event that the caller perhaps may not read.
    func legible(_ error: StoreError) -> StoreError {
        guard error.code == .reused, !permissions.unlimited.contains(.read), let id = error.ids.first else {
            return error
        }
        return StoreError(.reused, ids: error.ids, "an ID is that of event \(id), which is not the same")
    }

    // MARK: What is said

    private var userName: String { PeerCredentials.userName(peer) }

    private func refusal(of name: CommandName, lacking role: Role) -> Refusal {
        guard !isReadOnly || role == .read else {
            let reason = "needs \(role.rawValue), and came by the socket that is read-only"
            return Refusal(name, lacking: role, reason) { command in
                "\(command) needs the role \(role.rawValue), and this socket is read-only"
            }
        }
        return Refusal(name, lacking: role, "needs \(role.rawValue)") { [userName] command in
            "\(command) needs the role \(role.rawValue), which \(userName) does not have"
        }
    }

    private func refusal(of name: CommandName, _ role: Role, category: String) -> Refusal {
        Refusal(name, lacking: role, "needs \(role.rawValue) for the category '\(category)'") { [userName] command in
            "\(command) needs the role \(role.rawValue) for the category '\(category)', which \(userName) does not have"
        }
    }

    private func refusal(
        of name: CommandName,
        _ role: Role,
        only categories: CategoryList,
        isHelpedByNames: Bool
    ) -> Refusal {
        Refusal(name, lacking: role, "needs \(role.rawValue) for every category") { [userName] command in
            "\(command) needs the role \(role.rawValue) for every category, which \(userName) has for some only"
                + (isHelpedByNames ? "; ask with \(categories.words) in each alternative" : "")
        }
    }

    // MARK: What is written down

    func note(_ refusal: Refusal) {
        audit.refused(self, refusal.command, refusal.reason, lacking: refusal.role)
    }

    /// The user has had as much of something as it may have.
    func note(_ name: CommandName, refused objection: StoreError) {
        audit.refused(self, name.rawValue.uppercased(), objection.message, lacking: nil)
    }

    /// Does something to the store, or to the daemon, and writes down what came of it. `subject` is what it is done to.
    func act<Result>(
        _ name: CommandName,
        on subject: String? = nil,
        _ body: () throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        let act = Act(name, subject)
        do throws(StoreError) {
            let result = try body()
            end(act)
            return result
        } catch {
            end(act, failure: error.description)
            throw error
        }
    }

    /// An act has come to its end, or has failed.
    func end(_ act: Act, failure: String? = nil) {
        let duration = (NIODeadline.now() - act.begun).words
        audit.acted(self, act.words, failure.map { "failed after \(duration): \($0)" } ?? "done in \(duration)")
    }
}

extension Refusal {
    fileprivate init(
        _ name: CommandName,
        lacking role: Role,
        _ reason: String,
        _ text: (_ command: String) -> String
    ) {
        command = name.rawValue.uppercased()
        self.role = role
        self.reason = reason
        error = StoreError(.noPermission, text(command))
    }
}

/// An act of administration that is under way.
struct Act {
    let words: String
    let begun = NIODeadline.now()

    init(_ name: CommandName, _ subject: String? = nil) {
        words = name.rawValue.uppercased() + (subject.map { " \($0)" } ?? "")
    }
}

extension TimeAmount {
    /// `12 ms` or `1.2 s`.
    fileprivate var words: String {
        let milliseconds = nanoseconds / 1_000_000
        return milliseconds < 1000 ? "\(milliseconds) ms" : "\(milliseconds / 1000).\(milliseconds % 1000 / 100) s"
    }
}
