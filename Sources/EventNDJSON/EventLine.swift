// Owns: one line of NDJSON read as an event, with the field names of the interface.
// Refuses to know: files, line numbers, the daemon. `data` and `metadata` are taken byte for byte as they stand.

package import EventModel

/// Why a line is no event.
package struct EventLineFault: Error, Equatable, CustomStringConvertible {
    package let description: String
}

package enum EventLine {
    package static func event(_ line: [UInt8]) throws(EventLineFault) -> NewEvent {
        do {
            return try event(from: JSONObjectReader(line))
        } catch let fault as JSONFault {
            throw EventLineFault(description: "\(fault)")
        } catch let fault as EventLineFault {
            throw fault
        } catch {
            preconditionFailure("reading a line throws faults only: \(error)")
        }
    }

    private static func event(from object: JSONObjectReader) throws -> NewEvent {
        var object = object
        var event = NewEvent(category: "", aggregateID: "", eventType: "")
        // A dozen at most: looking through them beats hashing them.
        var seen: [Field] = []
        while let (name, value) = try object.next() {
            guard let field = Field(rawValue: name) else {
                throw EventLineFault(description: "unknown field “\(name)”; expected \(Field.listed)")
            }
            guard !seen.contains(field) else { throw EventLineFault(description: "\(name) is given twice") }
            seen.append(field)
            try field.set(value, in: &event)
        }
        for field in Field.required where !seen.contains(field) {
            throw EventLineFault(description: "\(field.rawValue) is missing")
        }
        return event
    }
}

extension EventLine {
    private enum Field: String, CaseIterable {
        case eventID = "event_id"
        case category
        case eventType = "event_type"
        case aggregateID = "aggregate_id"
        case data
        case timestamp
        case version
        case recordedAt = "recorded_at"
        case id
        case tags
        case metadata

        static let required: [Field] = [.category, .eventType, .aggregateID]
        static let listed = allCases.map(\.rawValue).joined(separator: ", ")

        func set(_ value: ArraySlice<UInt8>, in event: inout NewEvent) throws {
            switch self {
            case .eventID, .recordedAt: break  // the store's to give
            case .category: event.category = try name(value)
            case .eventType: event.eventType = try name(value)
            case .aggregateID: event.aggregateID = try name(value)
            case .data: event.data = try object(value)
            case .timestamp: event.timestamp = try optional(value).map(moment)
            case .version: event.version = try version(value)
            case .id: event.identifier = try optional(value).map(name)
            case .tags: event.tags = try optional(value).map(names) ?? []
            case .metadata: event.metadata = try optional(value).map(object)
            }
        }

        /// An optional field may be left out or null.
        private func optional(_ value: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
            JSONValue.isNull(value) ? nil : value
        }

        private func name(_ value: ArraySlice<UInt8>) throws -> String {
            var text = try string(value)
            let violation = text.withUTF8 { NameRule.violation(UnsafeRawBufferPointer($0), what: "it") }
            if let violation { throw EventLineFault(description: "\(rawValue): \(violation)") }
            return text
        }

        private func names(_ value: ArraySlice<UInt8>) throws -> [String] {
            guard JSONValue.isArray(value) else { throw EventLineFault(description: "\(rawValue) is not an array") }
            return try JSONValue.array(value).map(name)
        }

        private func string(_ value: ArraySlice<UInt8>) throws -> String {
            guard JSONValue.isString(value) else { throw EventLineFault(description: "\(rawValue) is not a string") }
            return try JSONValue.string(value)
        }

        private func object(_ value: ArraySlice<UInt8>) throws -> [UInt8] {
            guard JSONValue.isObject(value) else {
                throw EventLineFault(description: "\(rawValue) is not a JSON object")
            }
            return Array(value)
        }

        private func moment(_ value: ArraySlice<UInt8>) throws -> Timestamp {
            if JSONValue.isString(value) {
                let text = try JSONValue.string(value)
                guard let moment = Timestamp(text: text) else {
                    throw EventLineFault(
                        description: "\(rawValue) is neither seconds nor RFC 3339 with a zone: "
                            + TimeRules.violation(of: text)
                    )
                }
                return moment
            }
            guard JSONValue.isNumber(value), let moment = ExactSeconds.timestamp(value) else {
                throw EventLineFault(
                    description: "\(rawValue) is neither seconds in whole nanoseconds, of a time from 1677 to 2262, "
                        + "nor RFC 3339 with a zone"
                )
            }
            return moment
        }

        private func version(_ value: ArraySlice<UInt8>) throws -> UInt32 {
            guard let version = JSONValue.unsigned(value).flatMap(UInt32.init(exactly:)), version > 0 else {
                throw EventLineFault(description: "\(rawValue) is not a whole number from 1 to \(UInt32.max)")
            }
            return version
        }
    }
}
