// Owns: the rules that say who may do what: their grammar, and which of them counts for a peer.

import EventModel
import EventWire

/// `SUBJECT: ROLE[(CATEGORY[ CATEGORY…])] …`, one for each subject.
package struct AccessRules: Hashable, Sendable, CustomStringConvertible {
    /// A rule that is none, and why.
    package struct Mistake: Error, CustomStringConvertible {
        package let description: String
    }

    /// Where the numbers of users and groups are looked up.
    package struct Names: Sendable {
        var user: @Sendable (String) -> UInt32?
        var group: @Sendable (String) -> UInt32?

        /// The system's, which may take its time.
        package static let system = Names(user: UserDatabase.user(named:), group: UserDatabase.group(named:))
    }

    enum Subject: Hashable {
        case everyone
        case user(UInt32)
        case group(UInt32)
    }

    private struct Rule: Hashable {
        let subject: Subject
        let permissions: Permissions
        let text: String
    }

    private let rules: [Rule]

    /// Whoever gets through to the socket reads and appends.
    package static let standard = AccessRules([
        Rule(subject: .everyone, permissions: .readAndAppend, text: "everyone: read append")
    ])

    private init(_ rules: [Rule]) { self.rules = rules }

    /// Throws where a text is no rule, a name is not known, or a subject has a rule already.
    package init(_ texts: [String], names: Names = .system) throws(Mistake) {
        var rules: [Rule] = []
        for text in texts {
            do throws(Mistake) {
                var parser = RuleParser(text)
                let subject = try parser.subject(names)
                guard !rules.contains(where: { $0.subject == subject }) else {
                    throw Mistake(description: "expected one rule for each subject, and this has one already")
                }
                rules.append(Rule(subject: subject, permissions: try parser.permissions(), text: text))
            } catch {
                throw Mistake(description: "'\(text.visibleOnOneLine)': \(error)")
            }
        }
        self.rules = rules
    }

    package var description: String { "\(rules.map(\.text))" }

    /// What a peer may do: by the rule for the user, or else by those for the groups together, or else by that for everyone.
    func permissions(of peer: PeerCredentials?) -> Permissions {
        if let peer {
            if let rule = rules.first(where: { $0.subject == .user(peer.user) }) { return rule.permissions }
            var union: Permissions?
            for rule in rules {
                guard case .group(let group) = rule.subject, peer.isOf(group: group) else { continue }
                union = union ?? Permissions.none
                union?.formUnion(rule.permissions)
            }
            if let union { return union }
        }
        return rules.first { $0.subject == .everyone }?.permissions ?? .none
    }
}

extension Permissions {
    fileprivate static let readAndAppend: Permissions = {
        var permissions = Permissions.none
        permissions.grant(.read)
        permissions.grant(.append)
        return permissions
    }()
}

/// Takes one rule apart, from its front.
private struct RuleParser {
    typealias Mistake = AccessRules.Mistake

    private static let form =
        "expected SUBJECT: ROLE[(CATEGORY CATEGORY …)] …, where SUBJECT is everyone, user NAME or group NAME"
    private static let roles = Role.allCases.map(\.rawValue).joined(separator: ", ")

    private var rest: Substring

    init(_ text: String) { rest = text[...] }

    mutating func subject(_ names: AccessRules.Names) throws(Mistake) -> AccessRules.Subject {
        guard let colon = rest.firstIndex(of: ":") else { throw Mistake(description: Self.form) }
        let words = rest[..<colon].split(separator: " ", maxSplits: 1)
        rest = rest[rest.index(after: colon)...]
        let name = words.count > 1 ? String(words[1].trimmingBlanks) : ""
        switch words.first {
        case "everyone" where name.isEmpty: return .everyone
        case "user" where !name.isEmpty:
            let user = try Self.number(name, "user", names.user)
            guard user != 0 else {
                throw Mistake(description: "expected another user: root does everything, and no rule binds it")
            }
            return .user(user)
        case "group" where !name.isEmpty: return .group(try Self.number(name, "group", names.group))
        default: throw Mistake(description: Self.form)
        }
    }

    private static func number(
        _ name: String,
        _ kind: String,
        _ find: (String) -> UInt32?
    ) throws(Mistake) -> UInt32 {
        // The greatest number is nobody's: the kernel has it for "none".
        if name.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            guard let number = UInt32(name), number != .max else {
                throw Mistake(description: "expected a \(kind)'s number below 4294967295")
            }
            return number
        }
        guard let number = find(name) else {
            throw Mistake(description: "expected the name of a \(kind), and there is none of that name")
        }
        return number
    }

    mutating func permissions() throws(Mistake) -> Permissions {
        var permissions = Permissions.none
        rest = rest.trimmingBlanks
        if rest == "none" { return permissions }
        repeat {
            let word = rest.prefix { $0 != " " && $0 != "(" }
            rest = rest[word.endIndex...]
            guard let role = Role(rawValue: String(word)) else {
                throw Mistake(
                    description: "expected roles (\(Self.roles)), or none alone, got '\(word.visibleOnOneLine)'"
                )
            }
            guard !permissions.granted.contains(RoleSet(role)) else {
                throw Mistake(description: "expected each role once, got \(role.rawValue) twice")
            }
            let categories = rest.first == "(" ? try self.categories(of: role) : nil
            permissions.grant(role, categories)
            rest = rest.trimmingBlanks
        } while !rest.isEmpty
        return permissions
    }

    private mutating func categories(of role: Role) throws(Mistake) -> CategoryList {
        guard role.isAboutEvents else {
            throw Mistake(description: "expected no categories behind \(role.rawValue), which is about the whole store")
        }
        rest = rest.dropFirst()
        var names: [String] = []
        while true {
            rest = rest.drop { $0 == " " }
            guard let first = rest.first else {
                throw Mistake(description: "expected ) behind the categories of \(role.rawValue)")
            }
            if first == ")" {
                rest = rest.dropFirst()
                guard !names.isEmpty else {
                    throw Mistake(description: "expected categories between ( and ) behind \(role.rawValue)")
                }
                return CategoryList(names)
            }
            var name = first == "'" ? try quoted() : String(rest.prefix { $0 != " " && $0 != ")" })
            if first != "'" {
                rest = rest.dropFirst(name.count)
                guard !name.contains(where: { ",;\"(".contains($0) }) else {
                    throw Mistake(
                        description:
                            "expected categories separated by blanks, those with other signs in single quotes, got "
                            + "'\(name.visibleOnOneLine)'"
                    )
                }
            }
            if let violation = name.withUTF8({ NameRule.violation(UnsafeRawBufferPointer($0), what: "a category") }) {
                throw Mistake(description: violation)
            }
            names.append(name)
        }
    }

    /// A category with blanks or brackets in it stands in quotes; a quote in it is written twice.
    private mutating func quoted() throws(Mistake) -> String {
        var name = ""
        rest = rest.dropFirst()
        while let character = rest.popFirst() {
            if character == "'" {
                guard rest.first == "'" else { return name }
                rest = rest.dropFirst()
            }
            name.append(character)
        }
        throw Mistake(description: "expected ' behind a category that begins with it")
    }
}

extension Substring {
    fileprivate var trimmingBlanks: Substring {
        var text = drop { $0 == " " }
        while text.last == " " { text.removeLast() }
        return text
    }
}
