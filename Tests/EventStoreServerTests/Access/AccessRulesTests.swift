// Owns: the promises about the rules of access: how they are written, which of them counts, and that a mistake is named.

import EventWire
import Testing

@testable import EventStoreServer

@Suite struct AccessRulesTests {
    private static let names = AccessRules.Names(
        user: { ["alice": 1000, "bob": 1001, "root": 0][$0] },
        group: { ["staff": 50, "domain users": 51][$0] }
    )

    private func permissions(
        _ rules: [String],
        user: UInt32 = 7,
        group: UInt32 = 7,
        groups: [UInt32] = []
    ) throws -> Permissions {
        try AccessRules(rules, names: Self.names)
            .permissions(of: PeerCredentials(process: 1, user: user, group: group, groups: groups))
    }

    private func words(_ permissions: Permissions) -> [String] {
        permissions.granted.roles.map { role in
            role.rawValue + (permissions.categories(of: role).map { "(\($0.names.joined(separator: ",")))" } ?? "")
        }
    }

    @Test("A rule gives roles, each for every category or for those behind it")
    func grammar() throws {
        func words(_ rule: String) throws -> [String] { try self.words(permissions([rule])) }
        #expect(try words("everyone: read append") == ["read", "append"])
        #expect(
            try words("  everyone :read   append(order payment)reduce ") == ["read", "append(order,payment)", "reduce"]
        )
        #expect(try words("everyone:admin operate reduce append read") == Role.allCases.map(\.rawValue))
        #expect(try words("everyone: none") == [])
        #expect(try words("everyone: read( b  a b )") == ["read(a,b)"])
        #expect(try words("everyone: read('two words' 'it''s' '(' x')") == ["read((,it's,two words,x')"])
        // Told apart by their bytes: an e with its accent, and an e with one behind it.
        #expect(try words("everyone: read(\u{E9} e\u{301})").joined().unicodeScalars.count == 10)
    }

    @Test("The rule of the user counts; else those of all groups together; else that of everyone")
    func precedence() throws {
        let rules = [
            "everyone: read", "user alice: append(x)", "group staff: read(a) append", "group domain users: read(b)",
            "group 52: reduce", "user 1001: none",
        ]
        #expect(try words(permissions(rules)) == ["read"])
        #expect(try words(permissions(rules, user: 1000, groups: [50])) == ["append(x)"])
        #expect(try words(permissions(rules, user: 1001, groups: [50])) == [])
        #expect(try words(permissions(rules, groups: [50])) == ["read(a)", "append"])
        #expect(try words(permissions(rules, group: 50, groups: [52, 51])) == ["read(a,b)", "append", "reduce"])
        #expect(try words(permissions(rules, groups: [9])) == ["read"])
        #expect(try words(permissions(["group staff: read(a)", "group 51: read"], groups: [50, 51])) == ["read"])
        #expect(try words(permissions(["group 51: read", "group staff: read(a)"], groups: [50, 51])) == ["read"])
        #expect(try words(permissions(["user alice: read"])) == [])
        #expect(try AccessRules(rules, names: Self.names).permissions(of: nil) == permissions(["everyone: read"]))
        #expect(words(AccessRules.standard.permissions(of: nil)) == ["read", "append"])
    }

    @Test(
        "What is no rule is named, with what was expected",
        arguments: [
            ("", "expected SUBJECT: ROLE"), ("everyone", "expected SUBJECT: ROLE"),
            ("everyone:", "expected roles (read,"),
            ("all: read", "expected SUBJECT"), ("everyone x: read", "expected SUBJECT"),
            ("user: read", "expected SUBJECT"),
            ("user carol: read", "there is none of that name"), ("group alice: read", "there is none of that name"),
            ("user 4294967295: read", "a user's number below 4294967295"),
            ("group 99999999999: read", "a group's number"),
            ("user root: read", "root does everything"), ("user 0: read", "root does everything"),
            ("everyone: write", "got 'write'"), ("everyone: read none", "got 'none'"),
            ("everyone: none read", "got 'none'"),
            ("everyone: read, append", "got 'read,'"), ("everyone: READ", "got 'READ'"),
            ("everyone: read read", "each role once, got read twice"),
            ("everyone: operate(a)", "no categories behind operate"),
            ("everyone: admin(a)", "no categories behind admin"),
            ("everyone: read(", "expected ) behind the categories of read"), ("everyone: read(a", "expected )"),
            ("everyone: read()", "expected categories between ( and )"), ("everyone: read (a)", "got ''"),
            ("everyone: read('a)", "expected ' behind"), ("everyone: read('')", "a category is empty"),
            ("everyone: read(\(String(repeating: "x", count: 256)))", "a category is 256 bytes long"),
            ("everyone: \u{1B}[2J", "got '\\x1b[2J'"), ("everyone: read('\u{7}')", "control character"),
        ]
    )
    func mistakes(rule: String, expected: String) {
        let mistake = #expect(throws: AccessRules.Mistake.self) { try AccessRules([rule], names: Self.names) }
        let text = mistake?.description ?? ""
        #expect(text.contains(expected), "\(text)")
        #expect(!text.unicodeScalars.contains { $0.value < 0x20 })
    }

    @Test("A subject has one rule, however it is written")
    func twice() {
        for rules in [["everyone: read", "everyone: append"], ["user alice: read", "user 1000: append"]] {
            let mistake = #expect(throws: AccessRules.Mistake.self) { try AccessRules(rules, names: Self.names) }
            #expect(mistake?.description.hasPrefix("'\(rules[1])': expected one rule for each subject") == true)
        }
        #expect(throws: Never.self) { try AccessRules(["user 50: read", "group 50: read"], names: Self.names) }
    }

    @Test("The system's own names are found")
    func systemNames() throws {
        #expect(UserDatabase.user(named: "root") == 0 && UserDatabase.group(named: "root") == 0)
        #expect(UserDatabase.name(of: 0) == "root" && UserDatabase.name(of: 4_000_000_000) == nil)
        #expect(UserDatabase.user(named: "no such user") == nil && UserDatabase.group(named: "no such group") == nil)
    }
}
