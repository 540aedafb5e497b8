// Owns: text for people on its way out. What comes from outside is made visible on its way in, so that nothing but the
// styles of `Terminal` steers the terminal, whoever named the thing and whatever an event says.

import EventModel

struct ShownText: Equatable, ExpressibleByStringInterpolation {
    /// What is printed.
    let text: String

    init(_ text: some StringProtocol) {
        self.text = text.visible
    }

    init(stringLiteral text: String) {
        self.init(text)
    }

    /// JSON on one line, at most so many characters of it. What is made visible in it are escapes of its own: it stays the
    /// same value.
    init(json: [UInt8], limit: Int = .max) {
        var line: [UInt8] = []
        line.append(jsonOnOneLine: json)
        let text = String(decoding: line.visibleJSON, as: UTF8.self)
        let isLong = limit < text.utf8.count && limit < text.count
        self.init(isLong ? text.prefix(max(0, limit - 1)) + "…" : text[...])
    }

    /// Between two sequences that the terminal obeys.
    init(_ text: ShownText, between start: String, and end: String) {
        self.text = start + text.text + end
    }

    // No operator: a `+` of its own would be tried wherever texts are added up.
    fileprivate init(joining parts: [ShownText], with separator: ShownText) {
        text = parts.map(\.text).joined(separator: separator.text)
    }
}

extension [ShownText] {
    func joined(separator: ShownText = "") -> ShownText {
        ShownText(joining: self, with: separator)
    }
}
