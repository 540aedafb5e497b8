// Owns: the promise that an error on the wire is one line, and that nothing it quotes steers the terminal of whoever reads it.

import EventModel
import EventStoreServer
import Testing

@testable import EventWire

@Suite(.timeLimit(.minutes(20))) struct ErrorTextTests {
    private static let steering = "\u{1B}[2J\u{7F}\u{9B}\u{202E}\u{2028}\r\n-ERR forged\r\n"
    private static let commands: [[String]] = [
        [steering], ["EV.READ", steering], ["EV.READ", "AFTER", steering],
        ["EV.STATE", "a", "REDUCER", "x\u{202E}\u{200F}"],
        ["EV.PROJECTION", "x\u{2066}\u{2028}"], ["EV.REBUILD", "x\u{202E}"], ["EV.FOLD", "LUA", steering],
        ["EV.FOLD", "LUA", #"error("\27[2J\13\10-ERR forged\127\194\155\226\128\174")"#],
        ["EV.FOLD", "LUA", #"return { reduce = function() error("\27[2J\13\10:1\13\10") end }"#],
        ["EV.FOLD", "LUA", #"return { reduce = function() return { ["\27\10"] = function() end } end }"#],
        ["EV.PROJECTION", "faulty"], ["CLIENT", steering], ["CLIENT", "SETNAME", steering], ["CONFIG", steering],
        ["HELLO", "3", steering], ["HELLO", "3", "AUTH", steering, steering], ["SELECT", steering],
        ["COMMAND", steering],
        ["EV.APPEND", "c", "a", "t", "{}", steering], ["EV.APPEND", "c", "a", "t", steering],
    ]

    @Test("No error steers a terminal or ends before its line does")
    func errors() async throws {
        let faulty = #"return { reduce = function() error("\27[2J\13\10-ERR forged\13\10\127\194\155") end }"#
        try await TestServer.run(reducers: ["faulty": faulty]) { test in
            let connection = try test.connect()
            _ = try connection.ask("EV.APPEND", "c", "a", "t", "{}")
            for command in Self.commands {
                let text = try connection.ask(command).errorText ?? "no error"
                #expect(text != "no error" && !text.unicodeScalars.contains { $0.isSteering }, "\(command): \(text)")
                #expect(try connection.ask("PING") == .simple("PONG"), "\(command)")
            }
            let health = try #require(try connection.ask("EV.PROJECTIONS").elements?.first?[field: "health"]?.text)
            #expect(health.hasPrefix("faulted: ") && !health.unicodeScalars.contains { $0.isSteering })
        }
    }
}
