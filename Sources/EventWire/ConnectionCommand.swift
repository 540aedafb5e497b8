// Owns: the commands that are about the connection and not about events, as values, and their grammar. They exist so
// that stock Redis clients connect, and are refused where Redis refuses them, in its words.

import EventModel

package enum ConnectionCommand: Hashable, Sendable {
    case hello(Hello)
    case ping([UInt8]?)
    case echo([UInt8])
    case auth(Credentials)
    case client(Client)
    case command(Query)
    /// redis-benchmark asks for the configuration; there is nothing to show it.
    case configGet
    case select(Int)

    package struct Credentials: Hashable, Sendable {
        package var user: String?
        package var password: String
    }

    package struct Hello: Hashable, Sendable {
        /// As asked for; nil keeps what is spoken.
        package var version: Int?
        package var credentials: Credentials?
        package var clientName: String?
    }

    package enum Client: Hashable, Sendable {
        case setName(String)
        case getName
        case id
        /// LIST and INFO: a connection knows only of itself.
        case describe
        /// SETINFO, NO-EVICT and NO-TOUCH: taken note of, with nothing to do.
        case acknowledge
    }

    /// The inquiries of COMMAND; an empty list of names means every command.
    package enum Query: Hashable, Sendable {
        case count
        case info([String])
        case docs([String])
    }
}

extension ConnectionCommand {
    init(_ name: CommandName, _ arguments: ArgumentList) throws(StoreError) {
        let words = (1..<max(1, arguments.count)).map { String(decoding: arguments[$0], as: UTF8.self) }
        switch name {
        case .hello: self = .hello(try Hello(words))
        case .ping:
            guard words.count <= 1 else { throw CommandParser.wrongArity("ping") }
            self = .ping(words.isEmpty ? nil : Array(arguments[1]))
        case .echo: self = .echo(Array(arguments[1]))
        case .auth:
            guard words.count <= 2 else { throw StoreError(.other, "syntax error") }
            self = .auth(Credentials(user: words.count == 2 ? words[0] : nil, password: words[words.count - 1]))
        case .client: self = .client(try Client(words))
        case .command: self = .command(try Query(words))
        case .config:
            guard arguments[1].keyword == "GET" else { throw unknownSubcommand("CONFIG", words[0], "GET") }
            self = .configGet
        default:
            guard let index = Int(words[0]) else {
                throw StoreError(.other, "value is not an integer or out of range")
            }
            self = .select(index)
        }
    }
}

extension ConnectionCommand.Hello {
    /// `[version [AUTH user password] [SETNAME name]]`
    fileprivate init(_ words: [String]) throws(StoreError) {
        guard let first = words.first else { return }
        guard let version = Int(first) else {
            throw StoreError(.other, "Protocol version is not an integer or out of range")
        }
        self.version = version
        var rest = words.dropFirst()
        while let option = rest.popFirst() {
            switch option.uppercased() {
            case "AUTH" where rest.count >= 2:
                credentials = .init(user: rest.removeFirst(), password: rest.removeFirst())
            case "SETNAME" where !rest.isEmpty:
                clientName = try checked(clientName: rest.removeFirst())
            default: throw StoreError(.other, "Syntax error in HELLO option '\(option)'")
            }
        }
    }
}

extension ConnectionCommand.Client {
    fileprivate init(_ words: [String]) throws(StoreError) {
        switch (words[0].uppercased(), words.count) {
        case ("SETNAME", 2): self = .setName(try checked(clientName: words[1]))
        case ("GETNAME", 1): self = .getName
        case ("ID", 1): self = .id
        case ("LIST", _), ("INFO", 1): self = .describe
        case ("SETINFO", 3), ("NO-EVICT", 2), ("NO-TOUCH", 2): self = .acknowledge
        default:
            throw unknownSubcommand(
                "CLIENT",
                words[0],
                "SETNAME, GETNAME, ID, LIST, INFO, SETINFO, NO-EVICT or NO-TOUCH"
            )
        }
    }
}

extension ConnectionCommand.Query {
    fileprivate init(_ words: [String]) throws(StoreError) {
        switch words.first?.uppercased() {
        case nil: self = .info([])
        case "COUNT": self = .count
        case "INFO": self = .info(Array(words.dropFirst()))
        case "DOCS": self = .docs(Array(words.dropFirst()))
        case .some: throw unknownSubcommand("COMMAND", words[0], "COUNT, DOCS or INFO")
        }
    }
}

private func unknownSubcommand(_ command: String, _ subcommand: String, _ expected: String) -> StoreError {
    StoreError(.other, "unknown subcommand or wrong arguments for '\(subcommand)'. Expected \(command) \(expected).")
}

private func checked(clientName: String) throws(StoreError) -> String {
    guard clientName.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
        throw StoreError(.other, "Client names cannot contain spaces, newlines or special characters.")
    }
    return clientName
}
