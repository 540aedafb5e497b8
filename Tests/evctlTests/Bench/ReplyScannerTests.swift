import Testing

@testable import evctl

@Suite("The reply scanner")
struct ReplyScannerTests {
    /// Replies that are no errors, with what they hold.
    static let good: [(text: String, things: Int)] = [
        ("+OK\r\n", 0), ("+QUEUED\r\n", 0), (":1234567\r\n", 1), (":-5\r\n", 1), ("$0\r\n\r\n", 0), ("$-1\r\n", 0),
        ("$11\r\n:1\r\n-ERR\r\n:\r\n", 0), ("*-1\r\n", 0), ("*0\r\n", 0), ("*3\r\n:1\r\n:2\r\n:3\r\n", 3),
        ("*2\r\n*4\r\n$8\r\nevent_id\r\n:1\r\n$4\r\ndata\r\n$2\r\n{}\r\n*0\r\n", 2), ("*1\r\n$-1\r\n", 1),
        ("_\r\n", 0), ("#t\r\n", 0), (",1.5\r\n", 0), ("(12345678901234567890123\r\n", 0), ("=7\r\ntxt:abc\r\n", 0),
        ("%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n", 2), ("~2\r\n:1\r\n:2\r\n", 2), (">3\r\n+ev.event\r\n:1\r\n%0\r\n", 3),
        ("*2\r\n*1\r\n*1\r\n*1\r\n:1\r\n:2\r\n", 2),
    ]

    /// What a scanner makes of pieces: replies, things, and the errors.
    private func scan(_ pieces: [[UInt8]]) -> (replies: Int, things: Int, errors: [String], isBroken: Bool) {
        var (scanner, errors) = (ReplyScanner(), [String]())
        for piece in pieces {
            var position = 0
            loop: while true {
                switch piece.withUnsafeBytes({ scanner.scan($0, from: &position) }) {
                case .end: break loop
                case .error(let text): errors.append(text)
                case .broken: return (scanner.replies, scanner.things, errors, true)
                }
            }
        }
        return (scanner.replies, scanner.things, errors, false)
    }

    @Test("counts every kind of reply and what it holds, wherever the bytes are cut")
    func cuts() {
        let bytes = Array(Self.good.map(\.text).joined().utf8)
        let things = Self.good.reduce(0) { $0 + $1.things }
        for cut in 0...bytes.count {
            let result = scan([Array(bytes[..<cut]), Array(bytes[cut...])])
            #expect(result.replies == Self.good.count && result.things == things, "cut at \(cut)")
            #expect(result.errors == [] && !result.isBroken)
        }
        let result = scan(bytes.map { [$0] })
        #expect(result.replies == Self.good.count && result.things == things)
        for (text, things) in Self.good {
            let result = scan([Array(text.utf8)])
            #expect(result.replies == 1 && result.things == things, "\(text)")
        }
    }

    @Test("stops behind each error with its text, and counts nothing that it holds, wherever the bytes are cut")
    func errors() {
        let bytes = Array(
            (":1\r\n-NOSPC the disk is full\r\n:2\r\n*3\r\n:1\r\n-CONFLICT 7 no\r\n-ERR second\r\n:3\r\n"
                + "!9\r\nERR a\r\nbc\r\n-\r\n:4\r\n").utf8
        )
        for cut in 0...bytes.count {
            let result = scan([Array(bytes[..<cut]), Array(bytes[cut...])])
            #expect(result.replies == 8 && result.things == 4, "cut at \(cut)")
            #expect(result.errors == ["NOSPC the disk is full", "CONFLICT 7 no", "ERR a", ""], "cut at \(cut)")
        }
    }

    @Test(
        "knows what is no RESP",
        arguments: ["HTTP/1.1 400\r\n", "$99999999999999999\r\n", "*99999999999999999\r\n", "?\r\n"]
    )
    func broken(text: String) {
        #expect(scan([Array((":1\r\n" + text).utf8)]) == (1, 1, [], true))
    }

    @Test("a reply that is not all there does not count")
    func incomplete() {
        for (text, _) in Self.good { #expect(scan([Array(text.utf8.dropLast())]).replies == 0, "\(text)") }
    }
}
