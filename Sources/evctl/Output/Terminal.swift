// Owns: what the standard streams are connected to, and the little that is said in colour.

import EventModel
import Glibc

struct Terminal: Sendable {
    /// Standard output is a terminal: people read it.
    var isOutput: Bool
    /// Standard error is a terminal: progress may be drawn on it.
    var isError: Bool
    var hasColour: Bool

    /// Everything is piped.
    static let none = Terminal(isOutput: false, isError: false, hasColour: false)

    init(isOutput: Bool, isError: Bool, hasColour: Bool) {
        self.isOutput = isOutput
        self.isError = isError
        self.hasColour = hasColour
    }

    init(environment: (String) -> String?) {
        isOutput = isatty(STDOUT_FILENO) == 1
        isError = isatty(STDERR_FILENO) == 1
        // https://no-color.org: present and not empty.
        hasColour = isOutput && (environment("NO_COLOR") ?? "").isEmpty && environment("TERM") != "dumb"
    }

    /// Columns of the terminal that standard output is; nil where it is none.
    var columns: Int? {
        guard isOutput else { return nil }
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    enum Style: String {
        case dim = "2"
        case bold = "1"
        case name = "36"
        case alarm = "1;31"
    }

    func styled(_ text: ShownText, _ style: Style) -> ShownText {
        hasColour ? ShownText(text, between: "\u{1B}[\(style.rawValue)m", and: "\u{1B}[0m") : text
    }

    /// JSON as standard output is to have it: byte for byte, but on a terminal with escapes for what would steer it.
    func shown(json: [UInt8]) -> [UInt8] {
        isOutput ? json.visibleJSON : json
    }
}
