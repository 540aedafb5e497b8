// Owns: how a measurement is told: one JSON object, or a table for people; and what ends the command if all was not well.

import EventModel

extension Histogram {
    /// The percentiles that are told: of ten thousand, and by name.
    private static let told: [(share: UInt64, name: String)] = [
        (5000, "p50"), (9000, "p90"), (9900, "p99"), (9990, "p99.9"), (9999, "p99.99"),
    ]

    static let headings = ["MEAN"] + told.map { $0.name.uppercased() } + ["MAX"]

    var cells: [String] {
        guard count > 0 else { return Self.headings.map { _ in "-" } }
        let sizes = [mean] + Self.told.map { percentile(perTenThousand: $0.share) } + [maximum]
        return sizes.map { Quantity.duration(nanoseconds: $0) }
    }

    /// Microseconds, as JSON. A thousandth of one is a nanosecond.
    func write(to json: inout JSONObjectWriter) {
        json.thousandths("mean", mean)
        for (share, name) in Self.told { json.thousandths(name, percentile(perTenThousand: share)) }
        json.thousandths("max", maximum)
    }
}

extension Measurement {
    func write(to json: inout JSONObjectWriter) {
        json.thousandths("seconds", nanoseconds / 1_000_000)
        json.number("operations", units)
        json.thousandths("operations_per_second", UInt64(saturating: perSecond(units) * 1000))
        json.number("events", events)
        json.thousandths("events_per_second", UInt64(saturating: perSecond(events) * 1000))
        json.number("sent_bytes", sentBytes)
        json.number("received_bytes", receivedBytes)
        json.thousandths("client_cpu_seconds", cpuNanoseconds / 1_000_000)
        json.object("latency_us") { latencies.write(to: &$0) }
        json.number("failed_operations", failedUnits)
        json.number("unanswered_operations", unansweredUnits)
        json.number("lost_connections", lostConnections)
        json.object("errors") { json in
            for (code, count) in errors.sorted(by: { $0.key < $1.key }) { json.number(code, count) }
        }
    }
}

struct LoadReport {
    /// What was measured, the thing itself first and then what it is to be compared with.
    let rows: [(kind: Work.Kind, measurement: Measurement)]
    let parameters: (inout JSONObjectWriter) -> Void
    let isInterrupted: Bool

    var json: [UInt8] {
        JSONObjectWriter.object { json in
            json.text("bench", rows[0].kind.rawValue)
            json.object("parameters", parameters)
            json.flag("interrupted", isInterrupted)
            rows[0].measurement.write(to: &json)
            for row in rows.dropFirst() { json.object(row.kind.rawValue) { row.measurement.write(to: &$0) } }
        }
    }

    var table: Table {
        Table(
            ["WORK", "A SECOND", "EVENTS A SECOND"] + Histogram.headings + ["CLIENT CPU"],
            rows.map { kind, measurement in
                let share = measurement.perSecond(Int(measurement.cpuNanoseconds)) / 1e9
                return [
                    kind.rawValue,
                    Quantity.grouped(UInt64(saturating: measurement.perSecond(measurement.units).rounded())),
                    Quantity.grouped(UInt64(saturating: measurement.perSecond(measurement.events).rounded())),
                ] + measurement.latencies.cells + ["\(Int(saturating: (share * 100).rounded())) %"]
            }
        )
    }

    /// `1,000 operations, 1,000 events in 0.5 s, 280.1 KiB sent, 8.8 KiB received`
    var summary: String {
        let measurement = rows[0].measurement
        return "\(Quantity.grouped(UInt64(measurement.units))) operations, "
            + "\(Quantity.counted(UInt64(measurement.events), "event")) in \(Quantity.tenths(measurement.seconds)) s, "
            + "\(Quantity.bytes(Double(measurement.sentBytes))) sent, "
            + "\(Quantity.bytes(Double(measurement.receivedBytes))) received"
    }

    func print(_ global: GlobalOptions, _ invocation: Invocation) throws {
        if global.isJSON {
            try global.print(json: json, in: invocation)
        } else {
            try table.print(invocation.terminal)
            if !global.quiet { try StandardOutput().print(line: ShownText(summary)) }
        }
    }

    /// What the exit status and standard error say of a run that did not go through well; nil for one that did.
    var failure: Failure? {
        if isInterrupted { return Failure(.interrupted, "interrupted") }
        let lost = rows.reduce(0) { $0 + $1.measurement.lostConnections }
        var errors: [String: Int] = [:]
        for row in rows { errors.merge(row.measurement.errors, uniquingKeysWith: +) }
        guard let worst = errors.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }) else { return nil }
        let told = errors.sorted { $0.key < $1.key }.map { "\(Quantity.grouped(UInt64($0.value))) × \($0.key)" }
        let message = "not everything was answered well: \(told.joined(separator: ", "))"
        if lost > 0 {
            let unanswered = rows.reduce(0) { $0 + $1.measurement.unansweredUnits }
            let isUnknown = rows[0].kind == .append && unanswered > 0
            return Failure(
                isUnknown ? .outcomeUnknown : .cannotConnect,
                "\(message); \(lost) connections were lost with \(unanswered) operations under way"
            )
        }
        return Failure(StoreError.Code(rawValue: worst.key).map(ExitStatus.init(of:)) ?? .error, message)
    }
}
