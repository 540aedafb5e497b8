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
        /// SETINFO: what library the client is made with.
        case setLibraryName(String)
        case setLibraryVersion(String)
        /// Nothing is ever evicted, and nothing is touched.
        case noEvict, noTouch
    }

    /// The inquiries of COMMAND; an empty list of names means every command.
    package enum Query: Hashable, Sendable {
        case count
        case info([String])
        case docs([String])
    }
}

extension ConnectionCommand {
    package var name: StaticString {
        switch self {
        case .hello: "hello"
        case .ping: "ping"
        case .echo: "echo"
        case .auth: "auth"
        case .client(.setName): "client|setname"
        case .client(.getName): "client|getname"
        case .client(.id): "client|id"
        case .client(.setLibraryName), .client(.setLibraryVersion): "client|setinfo"
        case .client(.noEvict): "client|no-evict"
        case .client(.noTouch): "client|no-touch"
        case .command: "command"
        case .select: "select"
        }
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
                clientName = try checked(rest.removeFirst())
            default: throw StoreError(.other, "Syntax error in HELLO option '\(option)'")
            }
        }
    }
}

extension ConnectionCommand.Client {
    fileprivate init(_ words: [String]) throws(StoreError) {
        switch (words[0].uppercased(), words.count) {
        case ("SETNAME", 2): self = .setName(try checked(words[1]))
        case ("GETNAME", 1): self = .getName
        case ("ID", 1): self = .id
        case ("SETINFO", 3):
            switch words[1].uppercased() {
            case "LIB-NAME": self = .setLibraryName(try checked(words[2], "lib-name"))
            case "LIB-VER": self = .setLibraryVersion(try checked(words[2], "lib-ver"))
            default: throw StoreError(.other, "Unrecognized option '\(words[1])'")
            }
        case ("NO-EVICT", 2): self = .noEvict
        case ("NO-TOUCH", 2): self = .noTouch
        default:
            throw ConnectionCommand.unknownSubcommand(
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
        case .some: throw ConnectionCommand.unknownSubcommand("COMMAND", words[0], "COUNT, DOCS or INFO")
        }
    }
}

extension ConnectionCommand {
    static func unknownSubcommand(_ command: String, _ subcommand: String, _ expected: String) -> StoreError {
        StoreError(
            .other,
            "unknown subcommand or wrong arguments for '\(subcommand)'. Expected \(command) \(expected)."
        )
    }
}

/// It is kept as long as the connection is, and shown in a line with others.
private func checked(_ name: String, _ what: String = "Client names") throws(StoreError) -> String {
    guard name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
        throw StoreError(.other, "\(what) cannot contain spaces, newlines or special characters.")
    }
    guard name.utf8.count <= 255 else {
        throw StoreError(.other, "\(what) cannot be longer than 255 bytes, got \(name.utf8.count).")
    }
    return name
}
