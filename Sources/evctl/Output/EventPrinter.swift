// Owns: an event in each of the output forms, one line each but for `json-pretty`.

import EventModel

struct EventPrinter {
    let form: OutputForm
    let times: TimesForm
    let zone: Zone
    let terminal: Terminal
    /// Where a `short` line is cut; nil where it is not.
    var columns: Int?

    init(_ global: GlobalOptions, _ invocation: Invocation) throws(Failure) {
        self.init(
            form: global.output,
            times: global.times,
            // JSON has no zone.
            zone: global.isJSON ? .utc : try global.zone(invocation),
            terminal: invocation.terminal,
            columns: invocation.terminal.columns
        )
    }

    init(
        form: OutputForm,
        times: TimesForm = .number,
        zone: Zone,
        terminal: Terminal = .none,
        columns: Int? = nil
    ) {
        self.form = form
        self.times = times
        self.zone = zone
        self.terminal = terminal
        self.columns = columns
    }

    /// Appends the event with the line break after it.
    func append(_ event: Event, to output: inout [UInt8]) {
        switch form {
        case .json:
            // A copy of each line would be a third of what an export costs.
            if terminal.isOutput {
                output += json(event)
            } else {
                EventJSON.append(event, times: times, to: &output)
            }
        case .jsonPretty:
            output += JSONIndenter.indented(json(event))
        case .short:
            output += short(event).text.utf8
        case .wide:
            output += wide(event).text.utf8
        }
        output.append(UInt8(ascii: "\n"))
    }

    private func json(_ event: Event) -> [UInt8] {
        var line: [UInt8] = []
        EventJSON.append(event, times: times, to: &line)
        return terminal.shown(json: line)
    }

    /// `TIME  ID  category/aggregate  type  data`, cut at the terminal's edge.
    private func short(_ event: Event) -> ShownText {
        let time = ShownText(event.timestamp.rfc3339(in: zone))
        let what = ShownText("\(event.category)/\(event.aggregateID)")
        let type = ShownText(event.eventType)
        let width = time.text.count + event.id.description.count + what.text.count + type.text.count + 8
        let data = ShownText(json: event.data, limit: columns.map { max(1, $0 - width) } ?? .max)
        return [
            terminal.styled(time, .dim), "\(event.id)", terminal.styled(what, .name), terminal.styled(type, .bold),
            data,
        ].joined(separator: "  ")
    }

    /// Everything: what `short` has, uncut, and after it what only some events have.
    private func wide(_ event: Event) -> ShownText {
        var parts: [ShownText] = [
            terminal.styled(ShownText(event.timestamp.rfc3339(in: zone)), .dim),
            "\(event.id)",
            terminal.styled("\(event.category)/\(event.aggregateID)", .name),
            terminal.styled("\(event.eventType)", .bold),
            ShownText(json: event.data),
            "version=\(event.version)",
            "recorded_at=\(event.recordedAt.rfc3339(in: zone))",
        ]
        if let identifier = event.identifier { parts.append("id=\(identifier)") }
        parts += event.tags.map { "tag=\($0)" }
        if let metadata = event.metadata { parts.append(["metadata=", ShownText(json: metadata)].joined()) }
        return parts.joined(separator: "  ")
    }
}
