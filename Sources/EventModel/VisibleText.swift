// Owns: which characters steer a terminal, or forge a line of a log, rather than show; and what is put in their place.
// Refuses to know: who prints, and where.

extension Unicode.Scalar {
    /// Whether a terminal obeys it in place of showing it: the controls of ASCII and of Latin 1, what changes the direction
    /// of the text around it, and what breaks a line.
    package var isSteering: Bool {
        switch value {
        case 0..<0x20, 0x7F...0x9F: true
        // ARABIC LETTER MARK; LEFT-TO-RIGHT and RIGHT-TO-LEFT MARK; LINE and PARAGRAPH SEPARATOR with the embeddings and
        // overrides behind them; the isolates.
        case 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
}

extension StringProtocol {
    /// The same text with what steers a terminal, line breaks among it, spelt out: `\x1b`, `\x0a`, `\u{202e}`. A text that is
    /// visible stays as it is.
    package var visible: String {
        // Nearly every text has nothing to spell out.
        guard unicodeScalars.contains(where: \.isSteering) else { return String(self) }
        var text = ""
        for scalar in unicodeScalars {
            if scalar.isSteering {
                text += scalar.value < 0x100 ? "\\x\(scalar.digits(2))" : "\\u{\(scalar.digits(4))}"
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    /// The same text on one line: a space for each line break, and otherwise `visible`.
    package var visibleOnOneLine: String {
        split(omittingEmptySubsequences: false) { $0 == "\r\n" || $0 == "\n" || $0 == "\r" }
            .map(\.visible).joined(separator: " ")
    }
}

extension [UInt8] {
    /// JSON text with what steers a terminal as JSON's own escapes, so that it is the same value: `\u001b`. Space between
    /// tokens stays as it is.
    package var visibleJSON: [UInt8] {
        let text = String(decoding: self, as: UTF8.self)
        guard text.unicodeScalars.contains(where: \.steersFromJSON) else { return self }
        var json: [UInt8] = []
        json.reserveCapacity(count + 64)
        for scalar in text.unicodeScalars {
            if scalar.steersFromJSON {
                json += "\\u\(scalar.digits(4))".utf8
            } else {
                json += UTF8.encode(scalar)!
            }
        }
        return json
    }
}

extension Unicode.Scalar {
    /// A tab and a line break can stand between tokens, and nowhere else.
    fileprivate var steersFromJSON: Bool { isSteering && self != "\t" && self != "\n" }

    fileprivate func digits(_ width: Int) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: Swift.max(0, width - digits.count)) + digits
    }
}
