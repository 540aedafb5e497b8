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

    private func value(_ key: String) -> String? {
        entries.first { $0.key == key }?.value
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
    func lines(_ terminal: Terminal) -> [String] {
        func line(_ name: String, _ text: String?) -> String? {
            text.map { name + String(repeating: " ", count: 13 - name.count) + $0 }
        }
        let grouped = { (key: String) in number(key).map(Quantity.grouped) }
        let bytes = { (key: String) in number(key).map { Quantity.bytes(Double($0)) } }
        let state = value("state").map { terminal.styled($0, $0 == "ok" ? .bold : .alarm) }
        let uptime = number("uptime_seconds").map { ", up \(Quantity.clock(Double($0)))" } ?? ""
        let damaged = value("damaged").flatMap { $0.isEmpty ? nil : terminal.styled($0, .alarm) }
        return [
            line("state", state.map { $0 + uptime }),
            line("version", value("version")),
            line("store", value("store_uuid")),
            line(
                "events",
                number("last_id").map { "\(Quantity.grouped(number("first_id") ?? 1)) to \(Quantity.grouped($0))" }
            ),
            line("log", bytes("log_bytes").map { $0 + (bytes("record_bytes").map { " for \($0) of events" } ?? "") }),
            line("segments", grouped("segments_sealed").map { "\($0) sealed, \(grouped("segments_raw") ?? "?") raw" }),
            line("backlog", bytes("seal_backlog_bytes").map { "\($0) to seal" }),
            line(
                "projections",
                grouped("projections").map { "\($0), \(grouped("projection_lag") ?? "?") events behind" }
            ),
            line("clients", grouped("connections").map { "\($0), \(grouped("subscriptions") ?? "?") subscriptions" }),
            line("damaged", damaged),
        ].compactMap { $0 }
    }
}
