// Owns: what makes an event acceptable, asked once, before it is staged.

import CSimdjson
package import EventModel
import Synchronization

/// Checks events. One for each thread that stages: it owns a JSON parser and its buffers.
package final class EventValidator {
    private let parser: OpaquePointer
    private let limits: EventLimits

    package init(limits: EventLimits) {
        guard let parser = csj_parser_new() else { fatalError("no memory for a JSON parser") }
        self.parser = parser
        self.limits = limits
    }

    deinit {
        csj_parser_free(parser)
    }

    /// Throws `invalid` or `tooBig`, with what was wrong and what was expected. The names have been checked by whoever
    /// read them.
    package func check(_ event: borrowing NewEventParts) throws(StoreError) {
        let bytes = event.data.count + (event.metadata?.count ?? 0)
        guard bytes <= limits.eventBytes else {
            throw StoreError(
                .tooBig,
                "the event has \(bytes) bytes of data and metadata; the limit is \(limits.eventBytes)"
            )
        }
        guard event.tags.count <= limits.tags else {
            throw StoreError(.tooBig, "the event has \(event.tags.count) tags; the limit is \(limits.tags)")
        }
        if let timestamp = event.timestamp, timestamp == .distantPast {
            throw StoreError(.invalid, "the timestamp is out of range")
        }
        try checkObject(event.data, "data")
        if let metadata = event.metadata { try checkObject(metadata, "metadata") }
    }

    /// Whether `check` lets such data pass.
    package func accepts(data: UnsafeRawBufferPointer) -> Bool {
        data.count <= limits.eventBytes
            && csj_parse(parser, data.baseAddress?.assumingMemoryBound(to: UInt8.self), data.count) == CSJ_OK
            && csj_root_is_object(parser)
    }

    private func checkObject(_ text: UnsafeRawBufferPointer, _ what: String) throws(StoreError) {
        let status = csj_parse(parser, text.baseAddress?.assumingMemoryBound(to: UInt8.self), text.count)
        guard status == CSJ_OK else {
            throw StoreError(.invalid, "\(what) is \(String(cString: csj_message(status))); expected a JSON object")
        }
        guard csj_root_is_object(parser) else {
            throw StoreError(.invalid, "\(what) is JSON, but not an object; expected a JSON object")
        }
    }
}
