// Owns how an event is handed to a reducer: borrowed bytes, so that nothing is copied before Lua copies it.

/// One event, as `reduce` is to see it. The buffers are borrowed: they must stay valid until `Reducer.reduce` returns.
package struct ReducerEvent {
    /// Below 2^63.
    package var eventID: UInt64
    /// UTF-8.
    package var category, eventType, aggregateID: UnsafeRawBufferPointer
    /// A JSON object; it owes no padding.
    package var data: UnsafeRawBufferPointer
    /// Since the Unix epoch. A reducer sees seconds, as a float.
    package var timestampNanoseconds, recordedAtNanoseconds: Int64
    package var version: UInt32
    package var id: String?
    package var tags: [String]
    /// A JSON value; it owes no padding.
    package var metadata: UnsafeRawBufferPointer?

    /// What of it a reducer may read.
    package enum Field: UInt32, CaseIterable, Sendable {
        case eventID, category, eventType, aggregateID, data, timestamp, recordedAt, version, id, tags, metadata
    }

    package init(
        eventID: UInt64,
        category: UnsafeRawBufferPointer,
        eventType: UnsafeRawBufferPointer,
        aggregateID: UnsafeRawBufferPointer,
        data: UnsafeRawBufferPointer,
        timestampNanoseconds: Int64,
        recordedAtNanoseconds: Int64,
        version: UInt32 = 1,
        id: String? = nil,
        tags: [String] = [],
        metadata: UnsafeRawBufferPointer? = nil
    ) {
        self.eventID = eventID
        self.category = category
        self.eventType = eventType
        self.aggregateID = aggregateID
        self.data = data
        self.timestampNanoseconds = timestampNanoseconds
        self.recordedAtNanoseconds = recordedAtNanoseconds
        self.version = version
        self.id = id
        self.tags = tags
        self.metadata = metadata
    }
}
