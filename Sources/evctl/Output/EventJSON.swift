// Owns: an event as one line of JSON, with the fields and the order that the interface has frozen. `import` reads it
// back; `data` and `metadata` stand in it byte for byte.

import EventModel

enum EventJSON {
    static func append(_ event: Event, times: TimesForm, to line: inout [UInt8]) {
        line.append(#"{"event_id":"#)
        line.append(decimal: event.id.rawValue)
        line.append(#","category":"#)
        line.append(jsonString: event.category)
        line.append(#","event_type":"#)
        line.append(jsonString: event.eventType)
        line.append(#","aggregate_id":"#)
        line.append(jsonString: event.aggregateID)
        line.append(#","data":"#)
        line.append(jsonOnOneLine: event.data)
        line.append(#","timestamp":"#)
        line.append(event.timestamp, as: times)
        line.append(#","version":"#)
        line.append(decimal: event.version)
        line.append(#","recorded_at":"#)
        line.append(event.recordedAt, as: times)
        if let identifier = event.identifier {
            line.append(#","id":"#)
            line.append(jsonString: identifier)
        }
        if !event.tags.isEmpty {
            line.append(#","tags":["#)
            for (index, tag) in event.tags.enumerated() {
                if index > 0 { line.append(",") }
                line.append(jsonString: tag)
            }
            line.append("]")
        }
        if let metadata = event.metadata {
            line.append(#","metadata":"#)
            line.append(jsonOnOneLine: metadata)
        }
        line.append("}")
    }
}

extension [UInt8] {
    /// Decimal seconds, exactly: as a number, or between quotes, where no reader rounds them.
    mutating func append(_ moment: Timestamp, as form: TimesForm) {
        if form == .string { append(UInt8(ascii: "\"")) }
        append(seconds: moment)
        if form == .string { append(UInt8(ascii: "\"")) }
    }
}
