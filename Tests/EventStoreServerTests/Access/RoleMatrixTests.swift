// Owns: the promise that every command has a role or needs none, and is performed for those who have it and for nobody else:
// the matrix of roles and commands, made from the table of commands and tried over a socket.

import EventStore
import EventWire
import Testing

@testable import EventStoreServer

@Suite(.timeLimit(.minutes(20))) struct RoleMatrixTests {
    private static let counts = "return { reduce = function(s, e) return s end }"

    /// How a command is asked, and the roles that these arguments add to that of the command.
    private static func examples(_ name: CommandName) -> [(words: [String], more: RoleSet)] {
        switch name {
        case .append:
            [
                (["EV.APPEND", "c", "a", "t", "{}"], []),
                (["ev.append", "c", "a", "t", "{}", "TAG", "g"], []),
                (["EV.APPEND", "c", "a", "t", "{}", "UNLESS", "CATEGORY", "x", "AFTER", "0"], .read),
            ]
        case .get: [(["EV.GET", "1"], [])]
        case .read: [(["EV.READ"], []), (["EV.READ", "AFTER", "$", "BLOCK", "1"], []), (["EV.READ", "WITHHEAD"], [])]
        case .blocks: [(["EV.BLOCKS"], [])]
        case .count: [(["EV.COUNT"], []), (["EV.COUNT", "CATEGORY", "c", "OR", "TAG", "g"], [])]
        case .last: [(["EV.LAST"], [])]
        case .state: [(["EV.STATE", "a", "REDUCER", "counts"], [])]
        case .fold:
            [(["EV.FOLD", "REDUCER", "counts"], []), (["EV.FOLD", "LUA", counts], .reduce)]
        case .projections: [(["EV.PROJECTIONS"], [])]
        case .projection: [(["EV.PROJECTION", "counts"], [])]
        case .rebuild: [(["EV.REBUILD", "counts"], [])]
        case .reducers: [(["EV.REDUCERS"], [])]
        case .reload: [(["EV.RELOAD"], [])]
        case .subscribe: [(["EV.SUBSCRIBE"], [])]
        case .unsubscribe: [(["EV.UNSUBSCRIBE", "1"], [])]
        case .evInfo: [(["EV.INFO"], [])]
        case .roll: [(["EV.ROLL"], [])]
        case .snapshot: [(["EV.SNAPSHOT"], [])]
        case .compact: [(["EV.COMPACT"], [])]
        case .verify: [(["EV.VERIFY"], [])]
        case .whoAmI: [(["EV.WHOAMI"], [])]
        case .multi: [(["MULTI"], [])]
        case .exec: [(["EXEC"], [])]
        case .discard: [(["DISCARD"], [])]
        case .info: [(["INFO"], [])]
        case .hello: [(["HELLO", "3"], [])]
        case .ping: [(["PING"], [])]
        case .echo: [(["ECHO", "x"], [])]
        case .auth: [(["AUTH", "default", "x"], [])]
        case .client: [(["CLIENT", "ID"], []), (["CLIENT", "LIST"], []), (["CLIENT", "INFO"], [])]
        case .command: [(["COMMAND", "COUNT"], [])]
        case .config: [(["CONFIG", "GET", "*"], [])]
        case .select: [(["SELECT", "0"], [])]
        case .quit: [(["QUIT"], [])]
        case .reset: [(["RESET"], [])]
        }
    }

    /// Every set of roles, each with a user of its own.
    private static let sets = (0..<UInt8(1 << Role.allCases.count)).map { RoleSet(rawValue: $0) }

    private static func user(_ roles: RoleSet) -> UInt32 { 2000 + UInt32(roles.rawValue) }

    private static func rule(_ roles: RoleSet) -> String {
        let words = roles.roles.map(\.rawValue).joined(separator: " ")
        return "user \(user(roles)): \(words.isEmpty ? "none" : words)"
    }

    @Test("Every command is performed for whoever has its roles, and for nobody else")
    func matrix() async throws {
        #expect(Self.sets.count == 32)
        try await Peers.run(Self.sets.map(Self.rule), reducers: ["counts": Self.counts]) { peers in
            for roles in Self.sets {
                for name in CommandName.allCases {
                    for (words, more) in Self.examples(name) {
                        let answer = try peers.connect(Self.user(roles)).ask(words)
                        let what = "\(words) with \(roles.roles)"
                        let order = (name.role.map { [$0] } ?? []) + more.roles
                        if let lacking = order.first(where: { !roles.contains(RoleSet($0)) }) {
                            #expect(
                                isRefused(
                                    answer,
                                    "\(name.rawValue.uppercased()) needs the role \(lacking.rawValue), which user "
                                        + "\(Self.user(roles)) does not have"
                                ),
                                "\(what): \(answer)"
                            )
                        } else {
                            #expect(answer.errorText?.hasPrefix("NOPERM") != true, "\(what): \(answer)")
                        }
                    }
                }
            }
        }
    }

    @Test("By the read-only socket not even root has done what takes another role than read")
    func readOnly() async throws {
        try await Peers.run(
            [],
            reducers: ["counts": Self.counts],
            server: { $0.readOnlySocketPath = $0.socketPath + "-read-only" }
        ) { peers in
            for name in CommandName.allCases {
                for (words, more) in Self.examples(name) {
                    let needed = (name.role.map { RoleSet($0) } ?? []).union(more)
                    let answer = try peers.connect(0, at: peers.test.path + "-read-only").ask(words)
                    let isReading = needed.isSubset(of: .read)
                    #expect(isRefused(answer, "this socket is read-only") == !isReading, "\(words): \(answer)")
                    #expect(isReading == (answer.errorText?.hasPrefix("NOPERM") != true), "\(words): \(answer)")
                }
            }
            #expect(try peers.connect(0).ask("EV.COUNT") == .integer(0))
        }
    }

    @Test("Every command has examples here that are that command")
    func examples() throws {
        for name in CommandName.allCases {
            let examples = Self.examples(name)
            #expect(!examples.isEmpty && examples.allSatisfy { $0.words[0].lowercased() == name.rawValue })
        }
    }

    @Test("Among plain appends in one burst, each is refused in its turn; in a transaction it breaks it")
    func appends() async throws {
        try await Peers.run(["everyone: read"]) { peers in
            let connection = try peers.connect(4000)
            let append = ["EV.APPEND", "c", "a", "t", "{}"]
            try connection.send([append, append, ["PING"], append])
            let answers = try connection.receive(4)
            #expect(isRefused(answers[0], "append") && isRefused(answers[1]) && isRefused(answers[3]))
            #expect(answers[2] == .simple("PONG"))
            try connection.send([["MULTI"], append, ["EXEC"]])
            let transaction = try connection.receive(3)
            #expect(isRefused(transaction[1]) && transaction[2].errorText?.contains("EXECABORT") == true)
            #expect(try connection.ask("EV.COUNT") == .integer(0))
        }
    }

    @Test("A refusal among many questions comes in its turn, and is written down once")
    func amongQuestions() async throws {
        try await Peers.run(["everyone: read"]) { peers in
            let connection = try peers.connect(4000)
            var commands = [[String]](repeating: ["EV.COUNT"], count: 1500)
            commands[700] = ["EV.COMPACT"]
            try connection.send(commands)
            let answers = try connection.receive(1500)
            #expect(answers.indices.filter { answers[$0] != .integer(0) } == [700])
            #expect(isRefused(answers[700], "operate") && peers.audit.has("EV.COMPACT refused"))
            #expect(peers.audit.all.count == 1)
        }
    }

    @Test("Who does not operate the store is told of the connections of its own user only")
    func clientList() async throws {
        try await Peers.run(["everyone: read", "user 4003: operate"]) { peers in
            let (own, same, other) = (try peers.connect(4001), try peers.connect(4001), try peers.connect(4002))
            func users(_ connection: RawConnection) throws -> [String] {
                try #require(try connection.ask("CLIENT", "LIST").text).matches(of: /uid=(\d+)/).map { String($0.1) }
            }
            #expect(try users(own) == ["4001", "4001"] && users(same) == ["4001", "4001"] && users(other) == ["4002"])
            #expect(try users(peers.connect(4003)) == ["4001", "4001", "4002", "4003"])
        }
    }
}
