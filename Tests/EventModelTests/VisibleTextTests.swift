// Owns: the promise that nothing which steers a terminal is left in what is made visible, and that the rest is untouched.

import EventModel
import Foundation
import Testing

@Suite struct VisibleTextTests {
    private static let steering: [Unicode.Scalar] =
        (Array(0..<0x20) + Array(0x7F...0x9F) + [0x061C, 0x200E, 0x200F] + Array(0x2028...0x202E)
        + Array(0x2066...0x2069))
        .map { Unicode.Scalar($0 as UInt32)! }

    @Test("every control character and every bidirectional mark is spelt out, in its place", arguments: steering)
    func spelt(scalar: Unicode.Scalar) {
        let shown = "a\(scalar)b".visible
        #expect(!shown.unicodeScalars.contains { $0.isSteering })
        #expect(shown.hasPrefix("a\\") && shown.hasSuffix("b"))
        #expect(shown.contains(String(scalar.value, radix: 16)))
    }

    @Test("the forms are those that people know, and what is visible stays as it is")
    func forms() {
        #expect("\u{1B}[2J".visible == #"\x1b[2J"# && "\u{7F}\u{9B}".visible == #"\x7f\x9b"#)
        #expect("\u{202E}x\u{2069}\u{61C}".visible == #"\u{202e}x\u{2069}\u{061c}"#)
        #expect("a\r\nb\tc\n".visible == #"a\x0d\x0ab\x09c\x0a"#)
        for text in ["", "käse 日本 🙂", "👨‍👩‍👧‍👦", #"C:\x1b"#, "e\u{301}"] { #expect(text.visible == text) }
        #expect("\u{1B}[2J\u{202E}".visible.visible == "\u{1B}[2J\u{202E}".visible)
    }

    @Test("a line stays a line: each break is one space")
    func lines() {
        #expect("a\nb\r\nc\rd\u{1B}".visibleOnOneLine == #"a b c d\x1b"#)
        #expect("\n".visibleOnOneLine == " " && "".visibleOnOneLine == "")
        // Other characters that some programs break lines at are spelt out.
        #expect("a\u{0B}b\u{85}c\u{2028}d".visibleOnOneLine == #"a\x0bb\x85c\u{2028}d"#)
    }

    @Test(
        "JSON is the same value with escapes in it, and the same bytes where there is nothing to escape",
        arguments: steering
    )
    func json(scalar: Unicode.Scalar) throws {
        // JSON itself allows no bare control of ASCII in a string.
        guard scalar.value >= 0x20 else { return }
        let text = Array("{ \"a\(scalar)\":\t[\"\(scalar)é\\n\"]\n}".utf8)
        let shown = text.visibleJSON
        #expect(
            !String(decoding: shown, as: UTF8.self).unicodeScalars.contains {
                $0.isSteering && $0 != "\t" && $0 != "\n"
            }
        )
        let (before, after) = (
            try JSONSerialization.jsonObject(with: Data(text)) as? NSDictionary,
            try JSONSerialization.jsonObject(with: Data(shown)) as? NSDictionary
        )
        #expect(before == after && before != nil)
        let plain = Array(#"{"n":1.50,"käse":"🙂\u001b"}"#.utf8)
        #expect(plain.visibleJSON == plain)
    }

    @Test("an error is one line that steers nothing, whatever it quotes", arguments: steering)
    func errors(scalar: Unicode.Scalar) {
        let error = StoreError(.other, "reducer r: \(scalar)evstored: forged\r\n-ERR x")
        #expect(!error.description.unicodeScalars.contains { $0.isSteering })
    }
}
