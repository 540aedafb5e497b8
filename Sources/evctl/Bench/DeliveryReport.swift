// Owns: how the latencies of deliveries are told, and what ends the command if all was not well.

import EventModel

extension DeliveryRun {
    var missing: Int {
        sent - Int(both.count) - errors.values.reduce(0, +)
    }

    func json(parameters: (inout JSONObjectWriter) -> Void) -> [UInt8] {
        JSONObjectWriter.object { json in
            json.text("bench", "subscribe")
            json.object("parameters", parameters)
            json.flag("interrupted", isInterrupted)
            json.thousandths("seconds", nanoseconds / 1_000_000)
            json.number("events", both.count)
            json.number("acknowledged", acknowledgements.count)
            json.number("missing", missing)
            json.thousandths("client_cpu_seconds", cpuNanoseconds / 1_000_000)
            for (name, histogram) in histograms {
                json.object("\(name)_latency_us") { histogram.write(to: &$0) }
            }
            json.object("errors") { json in
                for (code, count) in errors.sorted(by: { $0.key < $1.key }) { json.number(code, count) }
            }
        }
    }

    var table: Table {
        Table(["FROM", "TO"] + Histogram.headings, zip(ends, histograms).map { $0 + $1.histogram.cells })
    }

    var summary: String {
        "\(Quantity.counted(both.count, "event")) delivered in \(Quantity.tenths(Double(nanoseconds) / 1e9)) s"
    }

    var failure: Failure? {
        if isInterrupted { return Failure(.interrupted, "interrupted") }
        if let (code, _) = errors.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }) {
            let told = errors.sorted { $0.key < $1.key }.map { "\(Quantity.grouped(UInt64($0.value))) × \($0.key)" }
            let status = StoreError.Code(rawValue: code).map(ExitStatus.init(of:)) ?? .error
            return Failure(status, "not everything was appended well: \(told.joined(separator: ", "))")
        }
        return missing > 0 ? Failure(.error, "\(missing) events were not delivered within 10 s") : nil
    }

    private var histograms: [(name: String, histogram: Histogram)] {
        [("append", acknowledgements), ("delivery", deliveries), ("total", both)]
    }

    private var ends: [[String]] {
        [["sent", "acknowledged"], ["acknowledged", "delivered"], ["sent", "delivered"]]
    }
}
