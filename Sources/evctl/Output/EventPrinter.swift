// Owns: an event in each of the output forms, one line each but for `json-pretty`.

import EventModel

struct EventPrinter {
    let form: OutputForm
    let zone: Zone
    let terminal: Terminal
    /// Where a `short` line is cut; nil where it is not.
    let columns: Int?

    init(_ global: GlobalOptions, _ terminal: Terminal) {
        self.init(form: global.output, zone: global.zone, terminal: terminal, columns: terminal.columns)
    }

    init(form: OutputForm, zone: Zone, terminal: Terminal = .none, columns: Int? = nil) {
        self.form = form
        self.zone = zone
        self.terminal = terminal
        self.columns = columns
    }

    /// Appends the event with the line break after it.
    func append(_ event: Event, to output: inout [UInt8]) {
        switch form {
        case .json:
            EventJSON.append(event, to: &output)
        case .jsonPretty:
            var line: [UInt8] = []
            EventJSON.append(event, to: &line)
            output += JSONIndenter.indented(line)
        case .short:
            output += short(event).utf8
        case .wide:
            output += wide(event).utf8
        }
        output.append(UInt8(ascii: "\n"))
    }

    /// `TIME  ID  category/aggregate  type  data`, cut at the terminal's edge.
    private func short(_ event: Event) -> String {
        let time = event.timestamp.rfc3339(in: zone)
        let what = "\(event.category)/\(event.aggregateID)"
        let head = "\(time)  \(event.id)  \(what)  \(event.eventType)  "
        var data = text(event.data)
        if let columns, head.count + data.count > columns {
            data = data.prefix(max(0, columns - head.count - 1)) + "…"
        }
        return terminal.styled(time, .dim) + "  \(event.id)  " + terminal.styled(what, .name) + "  "
            + terminal.styled(event.eventType, .bold) + "  " + data
    }

    /// Everything: what `short` has, uncut, and after it what only some events have.
    private func wide(_ event: Event) -> String {
        var parts = [
            terminal.styled(event.timestamp.rfc3339(in: zone), .dim),
            event.id.description,
            terminal.styled("\(event.category)/\(event.aggregateID)", .name),
            terminal.styled(event.eventType, .bold),
            text(event.data),
            "version=\(event.version)",
            "recorded_at=\(event.recordedAt.rfc3339(in: zone))",
        ]
        if let uuid = event.uuid { parts.append("id=\(uuid)") }
        parts += event.tags.map { "tag=\($0)" }
        if let metadata = event.metadata { parts.append("metadata=\(text(metadata))") }
        return parts.joined(separator: "  ")
    }

    /// JSON on one line. JSON strings may hold DEL and C1 controls as they are; a terminal would obey them.
    private func text(_ json: [UInt8]) -> String {
        var line: [UInt8] = []
        line.append(jsonOnOneLine: json)
        let text = String(decoding: line, as: UTF8.self)
        guard terminal.isOutput else { return text }
        return String(
            String.UnicodeScalarView(text.unicodeScalars.map { (0x7F...0x9F).contains($0.value) ? "\u{FFFD}" : $0 })
        )
    }
}
