// Owns: the promise that stock Redis clients are answered as they expect.

import EventModel
import Testing

@testable import EventWire

@Suite struct HandshakeTests {
    /// Answers commands on one connection and returns the bytes.
    private func answer(_ lines: String...) throws -> String {
        var handshake = Handshake(connectionID: 5, serverVersion: "1.0.0")
        var replies = ReplyEncoder()
        for line in lines {
            try withCommand(line.split(separator: " ").map(String.init)) { command in
                switch command {
                case .connection(let command): handshake.answer(command, &replies)
                case .reset: handshake.reset(&replies)
                default: Issue.record("not about the connection")
                }
            }
        }
        return String(decoding: replies.bytes, as: UTF8.self)
    }

    @Test("HELLO changes the dialect and introduces the server in it")
    func hello() throws {
        let fields =
            "$6\r\nserver\r\n$7\r\nevstore\r\n$7\r\nversion\r\n$5\r\n1.0.0\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:5\r\n"
            + "$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n"
        #expect(try answer("HELLO 3") == "%7\r\n" + fields)
        #expect(try answer("HELLO") == "*14\r\n" + fields.replacing(":3", with: ":2"))
        #expect(try answer("HELLO 3", "HELLO 2").hasSuffix("*0\r\n"))
        #expect(try answer("HELLO 3", "RESET", "CLIENT GETNAME").hasSuffix("+RESET\r\n$-1\r\n"))
        #expect(try answer("HELLO 3 AUTH default x SETNAME me", "CLIENT GETNAME").hasSuffix("$2\r\nme\r\n"))
    }

    @Test("an unknown protocol version is refused and changes nothing")
    func noProtocol() throws {
        #expect(try answer("HELLO 4", "CLIENT GETNAME") == "-NOPROTO unsupported protocol version\r\n$-1\r\n")
        #expect(refusal(["HELLO", "x"]) == "ERR Protocol version is not an integer or out of range")
        #expect(refusal(["HELLO", "3", "FOO"]) == "ERR Syntax error in HELLO option 'FOO'")
    }

    @Test("small talk is answered as Redis does")
    func smallTalk() throws {
        #expect(try answer("PING") == "+PONG\r\n")
        #expect(try answer("PING hi") == "$2\r\nhi\r\n")
        #expect(try answer("ECHO hi") == "$2\r\nhi\r\n")
        #expect(try answer("SELECT 0") == "+OK\r\n")
        #expect(try answer("SELECT 1") == "-ERR DB index is out of range\r\n")
        #expect(try answer("CLIENT ID") == ":5\r\n")
        #expect(try answer("CLIENT SETINFO LIB-NAME x", "CLIENT NO-EVICT ON") == "+OK\r\n+OK\r\n")
        #expect(try answer("CLIENT SETNAME me", "CLIENT GETNAME") == "+OK\r\n$2\r\nme\r\n")
        let name = String(repeating: "n", count: 255)
        #expect(try answer("CLIENT SETNAME \(name)", "CLIENT GETNAME").hasSuffix("\(name)\r\n"))
        for words in [["SETNAME"], ["SETINFO", "LIB-NAME"], ["SETINFO", "LIB-VER"]] {
            #expect(refusal(["CLIENT"] + words + [name + "n"])?.contains("longer than 255 bytes, got 256") == true)
            #expect(refusal(["CLIENT"] + words + ["a b"])?.contains("cannot contain spaces") == true)
        }
        #expect(refusal(["CLIENT", "SETINFO", "x", "y"]) == "ERR Unrecognized option 'x'")
        #expect(try answer("AUTH x").hasPrefix("-ERR AUTH <password> called without any password configured"))
        #expect(try answer("AUTH default x") == "+OK\r\n")
        #expect(try answer("AUTH me x").hasPrefix("-WRONGPASS "))
    }

    @Test("COMMAND describes every command in Redis' shapes", arguments: ["HELLO 2", "HELLO 3"])
    func command(hello: String) throws {
        func values(_ line: String) throws -> RESPValue {
            try #require(try decodeReplies(Array(try answer(hello, line).utf8)).last)
        }
        let count = try #require(try values("COMMAND COUNT").unsigned)
        let all = try #require(try values("COMMAND").elements)
        #expect(all.count == Int(count))
        #expect(all.allSatisfy { $0.elements?.count == 10 })
        let info = try #require(try values("COMMAND INFO ev.append NOPE").elements)
        #expect(info[0].elements?[0].text == "ev.append")
        #expect(info[0].elements?[1] == .integer(-5))
        #expect(info[1] == .null)
        let docs = try values("COMMAND DOCS")
        for name in CommandName.allCases {
            let doc = try #require(docs[field: name.rawValue])
            #expect(doc[field: "summary"]?.text?.isEmpty == false)
            #expect(doc[field: "group"]?.text?.isEmpty == false)
        }
        #expect(docs[field: "ev.append"]?[field: "arguments"]?.elements?.count == 11)
        // However often it is asked for.
        let once = try values("COMMAND DOCS get EV.GET ev.get")
        #expect(once == (try values("COMMAND DOCS ev.get")) && once != docs)
    }

    @Test("a command's arity in the table is the one the parser holds it to")
    func arity() {
        for name in CommandName.allCases where name.arity != -1 {
            let fewest = abs(name.arity)
            let words = [name.rawValue] + Array(repeating: "1", count: fewest)
            let wrong = "ERR wrong number of arguments for '\(name.rawValue)' command"
            if fewest > 1 { #expect(refusal(Array(words.prefix(fewest - 1))) == wrong) }
            #expect(refusal(Array(words.prefix(fewest))) != wrong)
            if name.arity > 0 { #expect(refusal(words) == wrong) }
        }
    }
}
