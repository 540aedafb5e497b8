// Owns: the commands of Redis that ask about the server as a whole, as values, and their grammar. Exporters, `redis-cli`
// and client libraries ask them of every server.

import EventModel

package enum ServerCommand: Hashable, Sendable {
    /// INFO: the sections asked for, in lower case; none asks for all.
    case info([String])
    /// CONFIG GET.
    case configuration([GlobPattern])
    case clients(Clients)

    package enum Clients: Hashable, Sendable {
        /// CLIENT INFO: the connection that asks.
        case own
        /// CLIENT LIST, where `ids` is nil of everybody.
        case list(ids: Set<Int64>?, type: ClientType?)
    }

    /// The types of Redis.
    package enum ClientType: String, Sendable {
        case normal, master, replica, slave, pubsub
    }

    package var name: StaticString {
        switch self {
        case .info: "info"
        case .configuration: "config|get"
        case .clients(.own): "client|info"
        case .clients(.list): "client|list"
        }
    }
}

extension ServerCommand {
    /// Nil where the command is another.
    init?(_ name: CommandName, _ arguments: ArgumentList) throws(StoreError) {
        let words = (1..<max(1, arguments.count)).map { String(decoding: arguments[$0], as: UTF8.self) }
        switch (name, words.first?.uppercased()) {
        case (.info, _): self = .info(words.map { $0.lowercased() })
        case (.config, "GET"):
            guard words.count > 1 else { throw CommandParser.wrongArity("config|get") }
            var patterns: [GlobPattern] = []
            for word in words.dropFirst() { patterns.append(try GlobPattern(word.lowercased())) }
            self = .configuration(patterns)
        case (.config, _): throw ConnectionCommand.unknownSubcommand("CONFIG", words[0], "GET")
        case (.client, "INFO") where words.count == 1: self = .clients(.own)
        case (.client, "LIST"): self = .clients(try Clients(words.dropFirst()))
        default: return nil
        }
    }
}

extension ServerCommand.Clients {
    /// `[TYPE type] [ID id…]`
    fileprivate init(_ words: ArraySlice<String>) throws(StoreError) {
        var rest = words
        var ids: Set<Int64>?
        var type: ServerCommand.ClientType?
        while let option = rest.popFirst() {
            switch option.uppercased() {
            case "TYPE" where !rest.isEmpty:
                let name = rest.removeFirst()
                type = ServerCommand.ClientType(rawValue: name.lowercased())
                guard type != nil else { throw StoreError(.other, "Unknown client type '\(name)'") }
            case "ID" where !rest.isEmpty:
                ids = []
                while let id = rest.first.flatMap({ Int64($0) }) {
                    ids?.insert(id)
                    rest.removeFirst()
                }
                guard ids?.isEmpty == false else { throw StoreError(.other, "Invalid client ID") }
            default: throw StoreError(.other, "syntax error")
            }
        }
        self = .list(ids: ids, type: type)
    }
}
