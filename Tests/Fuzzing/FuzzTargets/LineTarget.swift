// Owns: the promises of the importer's reader: a line is an event that the store would take, or a fault that names a
// byte of the line; and what it gives back is what stands in the line.

import EventModel
import EventNDJSON

enum LineTarget {
    static func run(_ bytes: [UInt8]) {
        do throws(EventLineFault) {
            let event = try EventLine.event(bytes)
            for var name in [event.category, event.aggregateID, event.eventType] + event.tags
                + (event.identifier.map { [$0] } ?? [])
            {
                let violation = name.withUTF8 { NameRule.violation(UnsafeRawBufferPointer($0), what: "it") }
                require(violation == nil, "a name that is none")
            }
            require(event.version > 0)
            require(isObject(event.data) && event.metadata.map(isObject) != false, "data that is no object")
            require(event.data.count + (event.metadata?.count ?? 0) <= bytes.count + 2)
        } catch {
            require(!error.description.isEmpty)
        }
        _ = try? JSONValue.object(bytes)
        _ = try? JSONValue.array(bytes[...])
    }

    private static func isObject(_ text: [UInt8]) -> Bool {
        text.first == UInt8(ascii: "{")
            && (try? JSONValue.array([UInt8(ascii: "[")] + text + [UInt8(ascii: "]")]))?.map(Array.init) == [text]
    }
}
