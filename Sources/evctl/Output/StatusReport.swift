// Owns: what the daemon says of itself, read from `EV.INFO` and put as one JSON object or as a summary for people.

/// The lines of `EV.INFO`, which have the form of Redis' INFO: `# Section` and `key:value`.
struct StatusReport {
    let entries: [(key: String, value: String)]

    init(info: String) {
        entries = info.split(whereSeparator: \.isNewline).compactMap { line in
            guard !line.hasPrefix("#"), let colon = line.firstIndex(of: ":") else { return nil }
            return (String(line[..<colon]), String(line[line.index(after: colon)...]))
        }
    }

    func value(_ key: String) -> String? {
        entries.first { $0.key == key }?.value
    }

    /// Names with commas between them; nil where there are none.
    private func list(_ key: String) -> String? {
        value(key).flatMap { $0.isEmpty ? nil : $0.split(separator: ",").joined(separator: ", ") }
    }

    /// What a script is to know of the daemon's state.
    var status: ExitStatus {
        switch value("state") {
        case "ok", nil: .ok
        case "loading": .cannotConnect
        case "full", "failed": .readOnlyOrFull
        case "degraded": list("damaged") == nil ? .error : .corruption
        default: .error
        }
    }

    func number(_ key: String) -> UInt64? {
        value(key).flatMap { UInt64($0) }
    }

    /// One object with every key in the daemon's order; whole numbers as numbers.
    var json: [UInt8] {
        var json: [UInt8] = []
        json.append("{")
        for (index, entry) in entries.enumerated() {
            if index > 0 { json.append(",") }
            json.append(jsonString: entry.key)
            json.append(":")
            if let number = UInt64(entry.value), String(number) == entry.value {
                json.append(decimal: number)
            } else {
                json.append(jsonString: entry.value)
            }
        }
        json.append("}")
        return json
    }

    /// The summary; what the daemon did not say is left out.
    func lines(_ terminal: Terminal) -> [ShownText] {
        func line(_ name: String, _ text: ShownText?) -> ShownText? {
            text.map { [ShownText(name + String(repeating: " ", count: 13 - name.count)), $0].joined() }
        }
        func line(_ name: String, _ text: String?) -> ShownText? {
            line(name, text.map { ShownText($0) })
        }
        let grouped = { (key: String) in number(key).map(Quantity.grouped) }
        let bytes = { (key: String) in number(key).map { Quantity.bytes(Double($0)) } }
        let state = value("state").map { terminal.styled(ShownText($0), $0 == "ok" ? .bold : .alarm) }
        let uptime = number("uptime_seconds").map { ", up \(Quantity.clock(Double($0)))" } ?? ""
        let parts = [("sealed", "log_sealed_bytes"), ("raw", "log_raw_bytes"), ("spare", "log_spare_bytes")]
            .compactMap { name, key in bytes(key).map { "\($0) \(name)" } }
        let logParts = parts.isEmpty ? "" : " on disk (\(parts.joined(separator: ", ")))"
        let stopped = list("projections_faulted").map { terminal.styled(ShownText("; faulted: \($0)"), .alarm) }
        let late = list("projections_catching_up").map { "; catching up: \($0)" } ?? ""
        let slowed = value("appends_slowed_by").flatMap {
            $0.isEmpty ? nil : terminal.styled(ShownText("; appends are slowed by \($0)"), .alarm)
        }
        let damaged = value("damaged").flatMap { $0.isEmpty ? nil : terminal.styled(ShownText($0), .alarm) }
        return [
            line("state", state.map { [$0, ShownText(uptime)].joined() }),
            line("version", value("version")),
            line("store", value("store_uuid")),
            line(
                "events",
                number("last_id").map { "\(Quantity.grouped(number("first_id") ?? 1)) to \(Quantity.grouped($0))" }
            ),
            line(
                "log",
                bytes("log_bytes").map { $0 + logParts + (bytes("record_bytes").map { " for \($0) of events" } ?? "") }
            ),
            line("segments", grouped("segments_sealed").map { "\($0) sealed, \(grouped("segments_raw") ?? "?") raw" }),
            line("backlog", bytes("seal_backlog_bytes").map { [ShownText("\($0) to seal"), slowed ?? ""].joined() }),
            line(
                "projections",
                grouped("projections").map { count in
                    let behind = ShownText("\(count), \(grouped("projection_lag") ?? "?") events behind")
                    return [behind, stopped ?? "", ShownText(late)].joined()
                }
            ),
            line("clients", grouped("connections").map { "\($0), \(grouped("subscriptions") ?? "?") subscriptions" }),
            line("damaged", damaged),
        ].compactMap { $0 }
    }
}
