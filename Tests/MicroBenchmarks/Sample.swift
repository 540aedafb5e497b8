// Owns: the events that the loops work on: the same in every run, varied as an application's are.

/// Appends as a client sends them.
struct Sample {
    /// EV.APPEND commands, one behind the other.
    let wire: [UInt8]
    let count: Int
    /// The aggregates, in the order of the events.
    let aggregates: [String]

    /// Events of as many aggregates. With options, each has a timestamp, a version, an identifier, two tags and metadata.
    init(events count: Int, from first: Int = 0, withOptions: Bool = false) {
        var random: UInt64 = 0x9E37_79B9_7F4A_7C15 &+ UInt64(first)
        func number(below bound: UInt64) -> UInt64 {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (random >> 33) % bound
        }
        func digits(_ value: UInt64, _ length: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, length - text.count)) + text
        }
        let statuses = ["pending", "confirmed", "packed", "shipped", "cancelled"]
        let notes = [
            "leave it with the neighbours", "a present: no invoice", "call before delivery", "second floor, left",
        ]
        var wire = ""
        var aggregates: [String] = []
        for index in first..<first + count {
            let aggregate = "order-\(digits(UInt64(index), 7))"
            let status = statuses[Int(number(below: 5))]
            let data =
                "{\"user\":\"user-\(digits(number(below: 100_000), 5))\",\"status\":\"\(status)\","
                + "\"amount\":\(number(below: 1000)).\(digits(number(below: 100), 2)),\"currency\":\"EUR\","
                + "\"items\":[{\"sku\":\"widget-\(number(below: 900))\",\"qty\":\(1 + number(below: 9))}],"
                + "\"note\":\"\(notes[Int(number(below: 4))])\"}"
            var arguments = ["EV.APPEND", "order", aggregate, status, data]
            if withOptions {
                arguments += [
                    "TIMESTAMP", "\(1_772_000_000 + index).\(digits(number(below: 1_000_000), 6))", "VERSION", "2",
                    "ID", "8f14e45f-ceea-467f-a9f4-\(digits(UInt64(index), 12))", "TAG", "region-\(number(below: 20))",
                    "TAG", "tenant-\(number(below: 500))", "METADATA",
                    "{\"correlation\":\"\(number(below: 1 << 30))\"}",
                ]
            }
            wire += "*\(arguments.count)\r\n"
            for argument in arguments { wire += "$\(argument.utf8.count)\r\n\(argument)\r\n" }
            aggregates.append(aggregate)
        }
        self.wire = Array(wire.utf8)
        self.count = count
        self.aggregates = aggregates
    }
}
