// Owns: the promises about broken framing: one error, then the end of that connection and of no other; and no memory
// for what is only announced.

import EventModel
import EventStoreServer
import EventWire
import Foundation
import Testing

@Suite(.timeLimit(.minutes(20))) struct FramingTests {
    @Test(
        "Bytes that are no frame are answered with a protocol error and the connection is closed",
        arguments: [
            "*1073741824\r\n", "*99999999999999999999\r\n", "*-5\r\n", "*x\r\n", "*1\r\n$2147483648\r\n",
            "*1\r\n$-7\r\n",
            "*1\r\n$99999999999\r\n", "*1\r\n:5\r\n", "*1\r\n$4\r\nPINGxx", "'unbalanced\r\n", "*2\n",
        ]
    )
    func broken(bytes: String) async throws {
        try await TestServer.run { test in
            let (bystander, culprit) = (try test.connect(), try test.connect())
            try culprit.send(bytes)
            let answer = try culprit.receive().errorText ?? ""
            #expect(answer.hasPrefix("ERR Protocol error: "), "\(answer)")
            #expect(culprit.isClosedByServer())
            #expect(try bystander.ask("PING") == .simple("PONG"))
        }
    }

    @Test("What came before the broken bytes is done and answered")
    func before() async throws {
        try await TestServer.run { test in
            let connection = try test.connect()
            try connection.send("EV.APPEND c a t {}\r\nEV.APPEND c a t {}\r\nEV.COUNT\r\n*1\r\n$-1\r\nPING\r\n")
            #expect(try connection.receive(3) == [.integer(1), .integer(2), .integer(2)])
            #expect(try connection.receive().errorText?.hasPrefix("ERR Protocol error") == true)
            #expect(connection.isClosedByServer())
        }
    }

    @Test("Half a command and then silence: an error, the end, and nobody else is held up")
    func silence() async throws {
        try await TestServer.run(server: { options in
            options.commandSeconds = 1
        }) { test in
            let (bystander, half, garbage) = (try test.connect(), try test.connect(), try test.connect())
            try half.send("*5\r\n$9\r\nEV.APPEND\r\n$1\r\nc")
            try garbage.send("EV.APPEND c a")
            #expect(try bystander.ask("EV.APPEND", "c", "a", "t", "{}") == .integer(1))
            for connection in [half, garbage] {
                #expect(try connection.receive().errorText?.contains("half a command") == true)
                #expect(connection.isClosedByServer())
            }
            #expect(try bystander.ask("EV.COUNT") == .integer(1))
        }
    }

    @Test("A connection that is merely idle is left alone")
    func idle() async throws {
        try await TestServer.run(server: { options in
            options.commandSeconds = 1
        }) { test in
            let connection = try test.connect()
            #expect(try connection.ask("PING") == .simple("PONG"))
            try await Task.sleep(for: .milliseconds(1300))
            #expect(try connection.ask("PING") == .simple("PONG"))
        }
    }

    @Test("A command beyond the limits is skipped, not kept, and the next one is understood")
    func skipped() async throws {
        try await TestServer.run(server: { options in
            options.limits.commandBytes = 4096
            options.limits.arguments = 16
        }) { test in
            let connection = try test.connect()
            let big = String(repeating: "x", count: 3000)
            try connection.send([["EV.APPEND", "c", "a", big, big], ["PING"]])
            #expect(try connection.receive().errorText?.hasPrefix("TOOBIG ") == true)
            #expect(try connection.receive() == .simple("PONG"))
            try connection.send([Array(repeating: "x", count: 17), ["PING"]])
            let answer = try connection.receive().errorText ?? ""
            #expect(answer.hasPrefix("TOOBIG ") && answer.contains("17") && answer.contains("16"))
            #expect(try connection.receive() == .simple("PONG"))
        }
    }

    @Test("A command may come byte by byte")
    func byteByByte() async throws {
        try await TestServer.run { test in
            let connection = try test.connect()
            var encoder = CommandEncoder()
            encoder.command(["EV.APPEND", "c", "a", "t", "{\"n\":1}"])
            for byte in encoder.bytes { try connection.send([byte]) }
            #expect(try connection.receive() == .integer(1))
        }
    }

    @Test("A client that goes away in the middle of a command, or of an append, leaves nothing behind")
    func goneAway() async throws {
        try await TestServer.run { test in
            for bytes in [
                "*5\r\n$9\r\nEV.APPEND\r\n$1\r\nc", "EV.READ AFTER $ BLOCK 0\r\n", "MULTI\r\nEV.APPEND c a t {}\r\n",
            ] {
                try test.connect().send(bytes)
            }
            #expect(try eventually { try test.info("connections") == "1" })
            #expect(try eventually { try test.info("subscriptions") == "0" })
            #expect(try test.connect().ask("EV.COUNT") == .integer(0))
        }
    }
}
