// Owns: what makes an event acceptable, asked once, before it is staged.

package import EventModel

/// Checks events. One for each thread that stages: it owns a JSON parser and its buffers.
package final class EventValidator {
    private let parser = ObjectParser()
    private let limits: EventLimits

    package init(limits: EventLimits) {
        self.limits = limits
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
        data.count <= limits.eventBytes && parser.isObject(data)
    }

    private func checkObject(_ text: UnsafeRawBufferPointer, _ what: StaticString) throws(StoreError) {
        if let flaw = parser.flaw(in: text, what) { throw StoreError(.invalid, flaw) }
    }
}
