// Owns: the promises about which role each command needs: that the page says what the table of commands says, and that clients
// are told.

import EventModel
import Foundation
import Testing

@testable import EventWire

@Suite struct RoleTests {
    /// The table of the page: what stands in the first column, and the commands of the second.
    private func documented() throws -> [String: Set<String>] {
        let page = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Sources/EventWire/EventWire.docc/WhoMayDoWhat.md")
        let rows = try String(contentsOf: page, encoding: .utf8).matches(of: /(?m)^\| `?([a-z ]+)`? \| (`[A-Z].*`) \|/)
        return Dictionary(
            uniqueKeysWithValues: rows.map { row in
                (String(row.1), Set(row.2.matches(of: /`([A-Z.]+)`/).map { $0.1.lowercased() }))
            }
        )
    }

    @Test("The page has each command once, beside the role that it needs")
    func page() throws {
        let rows = try documented()
        #expect(Set(rows.keys) == Set(Role.allCases.map(\.rawValue) + ["no role"]))
        for role in [nil] + Role.allCases.map(Optional.some) where role != .reduce {
            let commands = CommandName.allCases.filter { $0.role == role }.map(\.rawValue)
            #expect(rows[role?.rawValue ?? "no role"] == Set(commands), "\(String(describing: role))")
        }
        #expect(rows["reduce"] == ["ev.fold"])
    }

    @Test("Whatever changes or tells something of an event, or does something to the store, needs a role")
    func everyCommand() {
        let free: Set<CommandName> = [
            .unsubscribe, .evInfo, .whoAmI, .multi, .exec, .discard, .info, .hello, .ping, .echo, .auth, .client,
            .command,
            .config, .select, .quit, .reset,
        ]
        for name in CommandName.allCases { #expect((name.role == nil) == free.contains(name), "\(name)") }
    }

    @Test("What an argument adds to the role of its command")
    func arguments() throws {
        func roles(_ words: String...) throws -> [Role] {
            try withCommand(words) { $0.roles(try #require(CommandName(rawValue: words[0].lowercased()))).roles }
        }
        #expect(try roles("EV.FOLD", "REDUCER", "r") == [.read])
        #expect(try roles("EV.FOLD", "LUA", "return {}") == [.read, .reduce])
        #expect(try roles("EV.COUNT") == [.read] && roles("PING") == [] && roles("EV.RELOAD") == [.admin])
        func appended(_ words: String...) throws -> [Role] {
            try withCommand(["EV.APPEND", "c", "a", "t", "{}"] + words) { command in
                guard case .append(let request) = command else { return [] }
                return request.roles.roles
            }
        }
        #expect(try appended("ID", "x") == [.append])
        #expect(try appended("UNLESS", "AFTER", "0") == [.read, .append])
    }

    @Test("How far a command reaches is told by its filter, its category, or by nothing: then it reaches everything")
    func reach() throws {
        func reach(_ words: String...) throws -> Reach { try withCommand(words) { $0.reach } }
        let order = [Criteria(categories: ["order"])]
        for command in ["EV.READ", "EV.COUNT", "EV.LAST", "EV.SUBSCRIBE"] {
            #expect(try reach(command) == .matching([]))
            #expect(try reach(command, "CATEGORY", "order") == .matching(order))
        }
        #expect(try reach("EV.FOLD", "REDUCER", "r", "CATEGORY", "order") == .matching(order))
        #expect(try reach("EV.STATE", "a", "REDUCER", "r", "CATEGORY", "order") == .matching(order))
        #expect(try reach("EV.STATE", "a", "REDUCER", "r") == .matching([Criteria()]))
        for command in [["EV.BLOCKS"], ["EV.PROJECTION", "p"], ["EV.PROJECTIONS"]] {
            #expect(try withCommand(command) { $0.reach } == .everything)
        }
        for command in [["EV.GET", "1"], ["EV.REDUCERS"], ["EV.INFO"], ["PING"], ["EV.WHOAMI"]] {
            #expect(try withCommand(command) { $0.reach } == .none)
        }
    }

    @Test("COMMAND INFO has each command in the category of its role")
    func categories() throws {
        var replies = ReplyEncoder(version: .resp3)
        CommandTable.answer(.info(["ev.append", "ev.roll", "ping"]), &replies)
        let rows = try #require(try decodeReplies(replies.bytes).first?.elements)
        let categories = rows.map { $0.elements?[6].elements?.map(\.text) }
        #expect(categories == [["@evstore-append"], ["@evstore-operate"], []])
    }

    @Test("Sets of roles have each role once, in one order")
    func sets() {
        #expect(RoleSet.all.roles == Role.allCases && RoleSet([]).roles == [])
        #expect(Set(Role.allCases.map { RoleSet($0).rawValue }).count == Role.allCases.count)
        #expect(Role.allCases.filter(\.isAboutEvents) == [.read, .append, .reduce])
    }
}
