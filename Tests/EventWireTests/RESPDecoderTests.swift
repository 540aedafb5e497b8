// Owns: the promises about framing and limits.

import EventModel
import Testing

@testable import EventWire

@Suite struct RESPDecoderTests {
    private let commands = encode(
        ["EV.APPEND", "order", "order-001", "created", #"{"total": 129.9}"#],
        ["PING"],
        ["ECHO", ""],
        ["EV.GET", "1"]
    )

    @Test("commands decode the same however their bytes arrive", arguments: [1, 2, 3, 7, 64, 100_000])
    func pieces(chunk: Int) {
        let inline = Array("\r\nEV.GET 1\r\n".utf8)
        let outcomes = decode(commands + inline + commands, chunk: chunk)
        #expect(outcomes == decode(commands + inline + commands))
        #expect(outcomes.count == 9)
        #expect(outcomes[0] == .command(["EV.APPEND", "order", "order-001", "created", #"{"total": 129.9}"#]))
        #expect(outcomes[2] == .command(["ECHO", ""]))
        #expect(outcomes[4] == .command(["EV.GET", "1"]))
    }

    @Test("half a command is waited for, and none of it is consumed")
    func half() throws {
        for length in 1..<commands.firstIndex(of: UInt8(ascii: "P"))! - 8 {
            var decoder = RESPDecoder()
            try commands[..<length].withUnsafeBytes { bytes in
                guard case .incomplete(consumed: 0) = try decoder.next(bytes) else {
                    Issue.record("decoded from \(length) bytes")
                    return
                }
            }
        }
    }

    @Test("arguments are any bytes at all")
    func binary() {
        let bytes = Array("*2\r\n$4\r\nECHO\r\n$6\r\n\r\n*1\0$\r\n".utf8)
        #expect(decode(bytes) == [.command(["ECHO", "\r\n*1\0$"])])
    }

    @Test("a command of 16 MiB that arrives in pieces is read once", .timeLimit(.minutes(20)))
    func large() throws {
        let words = ["A"] + Array(repeating: String(repeating: "x", count: 1024), count: 16_000)
        let bytes = encode(words)
        var decoder = RESPDecoder()
        try bytes.withUnsafeBytes { bytes in
            // A piece a kilobyte long makes a decoder that begins anew each time read 128 GB.
            for end in stride(from: 1024, to: bytes.count, by: 1024) {
                guard case .incomplete(consumed: 0) = try decoder.next(.init(rebasing: bytes[..<end])) else {
                    Issue.record("decoded from \(end) bytes")
                    return
                }
            }
            guard case .command(let arguments, consumed: bytes.count) = try decoder.next(bytes) else {
                Issue.record("did not decode")
                return
            }
            #expect(arguments.count == 16_001)
        }
    }

    @Test(
        "bytes that are not RESP end the connection, with a reason",
        arguments: [
            ("*-1\r\n", "invalid multibulk length"), ("*x\r\n", "invalid multibulk length"),
            ("*\r\n", "invalid multibulk length"), ("*1048577\r\n", "invalid multibulk length"),
            ("*99999999999999999999\r\n", "invalid multibulk length"), ("*1\n", "invalid multibulk length"),
            ("*1\r$", "invalid multibulk length"), ("*1\r\n$-1\r\n", "invalid bulk length"),
            ("*1\r\n$536870913\r\n", "invalid bulk length"), ("*1\r\n$9999999999999\r\n", "invalid bulk length"),
            ("*1\r\n$+1\r\n", "invalid bulk length"), ("*1\r\n:1\r\n", "expected '$', got ':'"),
            ("*1\r\n*1\r\n", "expected '$', got '*'"), ("*1\r\n$4\r\nPINGxx", "expected CRLF after a bulk string"),
            ("*1\r\n$3\r\nPING\r\n", "expected CRLF after a bulk string"),
            ("ECHO 'a\r\n", "unbalanced quotes in request"), ("ECHO \"a\"b\r\n", "unbalanced quotes in request"),
        ]
    )
    func broken(text: String, message: String) {
        for chunk in [1, .max] {
            #expect(decode(Array(text.utf8), chunk: chunk) == [.broken(.protocolBroken(message))])
        }
    }

    @Test("a decoder that has failed goes on failing", arguments: ["*1048577\r\nPING\r\n", "*1\r\n$536870913\r\n"])
    func failed(text: String) {
        var decoder = RESPDecoder()
        for _ in 0..<2 {
            Array(text.utf8).withUnsafeBytes { bytes in
                do throws(WireError) {
                    _ = try decoder.next(bytes)
                    Issue.record("decoded \(text)")
                } catch {
                    #expect(error.reply.message.hasPrefix("Protocol error: invalid"))
                }
            }
        }
    }

    @Test("what cannot be RESP and has no end is cut off at the limit of a line")
    func endless() {
        let noise = [UInt8](repeating: 0xFF, count: 70_000)
        #expect(decode(noise, chunk: 1000) == [.broken(.protocolBroken("too big inline request"))])
    }

    @Test("an empty array and a blank line are passed over, and consumed")
    func blanks() throws {
        #expect(decode(Array("*0\r\n\r\n  \r\n*0\r\nPING\r\n*0\r\n".utf8), chunk: 1) == [.command(["PING"])])
        var decoder = RESPDecoder()
        let consumed = try Array("*0\r\n\r\n".utf8).withUnsafeBytes { bytes in
            if case .incomplete(let consumed) = try decoder.next(bytes) { consumed } else { -1 }
        }
        #expect(consumed == 6)
    }

    @Test("a typed line falls into words, and quotes keep blanks together")
    func inline() {
        let line = #"EV.APPEND order  order-001 "two words" '{"a": 1}'"# + " \t\r\n"
        #expect(decode(Array(line.utf8)) == [.command(["EV.APPEND", "order", "order-001", "two words", #"{"a": 1}"#])])
        #expect(decode(Array("PING\n".utf8)) == [.command(["PING"])])
        #expect(decode(Array("ECHO ''\n".utf8)) == [.command(["ECHO", ""])])
    }
}

@Suite struct WireLimitsTests {
    private let limits = WireLimits(argumentBytes: 100, commandBytes: 250, arguments: 5, inlineBytes: 40)
    private let ping = ["PING"]

    private func word(_ count: Int) -> String {
        String(repeating: "x", count: count)
    }

    @Test("a command at every limit is taken", arguments: [1, .max])
    func within(chunk: Int) {
        let command = [word(50), word(100), word(100), "", ""]
        #expect(decode(encode(command), chunk: chunk, limits: limits) == [.command(command)])
        #expect(decode(Array((word(39) + "\n").utf8), chunk: chunk, limits: limits) == [.command([word(39)])])
        #expect(decode(Array((word(40) + "\n").utf8), chunk: chunk, limits: limits) == [.command([word(40)])])
    }

    @Test("a command beyond a limit is refused and the connection goes on", arguments: [1, 10, .max])
    func beyond(chunk: Int) {
        let cases: [([String], String)] = [
            (["A", word(101), "b"], "argument is 101 bytes long; expected at most 100"),
            ([word(100), word(100), word(51)], "command is more than 250 bytes long, which is the limit"),
            (["1", "2", "3", "4", "5", "6"], "command has 6 arguments; expected at most 5"),
            // The first limit that is passed is the one that is named.
            ([word(101), word(102), word(103), "", "", ""], "command has 6 arguments; expected at most 5"),
        ]
        for (command, message) in cases {
            let outcomes = decode(encode(ping, command, ping), chunk: chunk, limits: limits)
            #expect(outcomes == [.command(ping), .refused(StoreError(.tooBig, message)), .command(ping)])
        }
    }

    @Test("a line beyond its limit ends the connection", arguments: [1, .max])
    func lines(chunk: Int) {
        let outcomes = decode(Array((word(41) + "\n").utf8), chunk: chunk, limits: limits)
        #expect(outcomes == [.broken(.protocolBroken("too big inline request"))])
    }

    @Test("what is refused is consumed as it comes, so that nobody has to hold it")
    func skipping() throws {
        var decoder = RESPDecoder()
        let piece = [UInt8](repeating: 0x78, count: 64 << 10)
        var head = Array("*2\r\n$4\r\nECHO\r\n$2097152\r\n".utf8)
        head.withUnsafeBytes { bytes in
            guard case .incomplete(consumed: bytes.count)? = try? decoder.next(bytes) else {
                Issue.record("kept the head")
                return
            }
        }
        for _ in 0..<32 {
            piece.withUnsafeBytes { bytes in
                guard case .incomplete(consumed: bytes.count)? = try? decoder.next(bytes) else {
                    Issue.record("kept a piece")
                    return
                }
            }
        }
        head = Array("\r\n".utf8)
        try head.withUnsafeBytes { bytes in
            guard case .refused(let error, consumed: 2) = try decoder.next(bytes) else {
                Issue.record("did not refuse")
                return
            }
            #expect(error.code == .tooBig)
        }
    }

    @Test("a broken frame within a refused command ends the connection")
    func brokenRefusal() {
        let bytes = Array("*6\r\n$1\r\nAxx".utf8)
        #expect(decode(bytes, limits: limits) == [.broken(.protocolBroken("expected CRLF after a bulk string"))])
    }
}
