// Owns: what one line of an input means to evctl: an event, nothing, or a reason why it is neither.

import EventModel
import EventNDJSON

enum InputLine {
    /// Why a line is neither an event nor blank.
    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    /// The event of a line; nil where it is blank. Throws the reason why it is none.
    static func event(_ line: [UInt8]) throws(Fault) -> NewEvent? {
        let text = line.withoutByteOrderMark
        guard text.contains(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }) else { return nil }
        do {
            return try EventLine.event(text)
        } catch {
            let form = InputForm(line: text)
            throw Fault(description: "\(error)" + (form.map { "; it looks like \($0.description)" } ?? ""))
        }
    }

    static func overlong(_ maximumBytes: Int) -> String {
        "it is longer than \(maximumBytes) bytes, more than the daemon takes in one command"
    }

    /// The most bytes that a line can have of which the daemon takes the event. It is one command; in a line its names
    /// may be written with escapes of six bytes for one, and the names of the fields come on top.
    static func maximumBytes(_ report: StatusReport) -> Int {
        Int(clamping: report.number("limit_command_bytes") ?? 16 << 20) + (1 << 20)
    }
}

extension Descriptor {
    /// Opens a file of events; `-` is standard input.
    init(readingNDJSON path: String) throws(Failure) {
        if let form = InputForm(path: path) { throw Failure(.usage, "\(path) is \(form.description)") }
        try self.init(reading: path)
    }
}

extension [UInt8] {
    /// Without U+FEFF in UTF-8 at its beginning, which editors and spreadsheets leave there, and files that were joined
    /// have in the middle.
    var withoutByteOrderMark: [UInt8] {
        starts(with: [0xEF, 0xBB, 0xBF]) ? Array(dropFirst(3)) : self
    }
}
