import Testing

@testable import ProcessText

@Suite("What a program is started with")
struct ProcessTextTests {
    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test("is text as it was given, where it is UTF-8")
    func text() throws {
        let words = ["append", "", "café", "日本", "\u{FFFD}", "e\u{301}"]
        #expect(
            try ProcessText.arguments(words.map(bytes)).map { Array($0.unicodeScalars) }
                == words.map { Array($0.unicodeScalars) }
        )
    }

    @Test(
        "is refused and named where it is not UTF-8",
        arguments: [
            ([0x63, 0x61, 0x66, 0xE9], #"argument 2 is not UTF-8: “caf\xE9”"#),  // Latin-1
            ([0xED, 0xA0, 0x80], #"argument 2 is not UTF-8: “\xED\xA0\x80”"#),  // half of a surrogate pair
            ([0xC0, 0xAF], #"argument 2 is not UTF-8: “\xC0\xAF”"#),  // longer than need be
            ([0xE2, 0x82], #"argument 2 is not UTF-8: “\xE2\x82”"#),  // cut off
        ]
    )
    func refused(word: [UInt8], message: String) {
        let error = #expect(throws: NotUTF8.self) { try ProcessText.arguments([bytes("append"), word]) }
        #expect(error?.description == message)
    }

    @Test("a variable that is not UTF-8 is refused where it is looked at, and none of the program's business elsewhere")
    func environment() throws {
        let entries = [bytes("EVCTL_SOCKET=/tmp/") + [0xFF], bytes("OTHER=1")]
        let error = #expect(throws: NotUTF8.self) {
            try ProcessText.environment(entries) { $0.hasPrefix("EVCTL_") }
        }
        #expect(error?.description == #"environment variable EVCTL_SOCKET is not UTF-8: “/tmp/\xFF”"#)
        #expect(try ProcessText.environment(entries) { $0 == "OTHER" } == ["OTHER": "1"])
        #expect(throws: NotUTF8.self) {
            try ProcessText.environment([bytes("EVCTL_") + [0xFF] + bytes("=1")]) { $0.hasPrefix("EVCTL_") }
        }
    }

    @Test("an environment is read as getenv reads it")
    func names() throws {
        let entries = ["A=1", "A=2", "B=x=y", "C=", "nonsense"].map(bytes)
        #expect(try ProcessText.environment(entries) { _ in true } == ["A": "1", "B": "x=y", "C": ""])
    }

    @Test("this process has a program's name that is not among its arguments")
    func process() throws {
        #expect(try ProcessText.arguments() == Array(CommandLine.arguments.dropFirst()))
        #expect(try ProcessText.environment { _ in true }["PATH"] != nil)
    }
}
