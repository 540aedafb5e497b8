// Owns: an event whose bytes lie in somebody else's memory: how the hot paths hand events about without copying them
// into strings.

/// A stored event whose parts are borrowed, from the log's memory for instance; valid as long as that is.
package struct EventParts {
    package var id: EventID
    package var category: UnsafeRawBufferPointer
    package var aggregateID: UnsafeRawBufferPointer
    package var eventType: UnsafeRawBufferPointer
    package var data: UnsafeRawBufferPointer
    package var timestamp: Timestamp
    package var recordedAt: Timestamp
    package var version: UInt32
    package var identifier: EventIdentifierParts?
    package var tags: [UnsafeRawBufferPointer]
    package var metadata: UnsafeRawBufferPointer?
    /// Whether it was appended in one transaction with the event before it.
    package var isJoined: Bool

    package init(
        id: EventID,
        category: UnsafeRawBufferPointer,
        aggregateID: UnsafeRawBufferPointer,
        eventType: UnsafeRawBufferPointer,
        data: UnsafeRawBufferPointer,
        timestamp: Timestamp,
        recordedAt: Timestamp,
        version: UInt32 = 1,
        identifier: EventIdentifierParts? = nil,
        tags: [UnsafeRawBufferPointer] = [],
        metadata: UnsafeRawBufferPointer? = nil,
        isJoined: Bool = false
    ) {
        self.id = id
        self.category = category
        self.aggregateID = aggregateID
        self.eventType = eventType
        self.data = data
        self.timestamp = timestamp
        self.recordedAt = recordedAt
        self.version = version
        self.identifier = identifier
        self.tags = tags
        self.metadata = metadata
        self.isJoined = isJoined
    }
}

/// An event to append whose parts are borrowed, from a socket's buffer for instance.
package struct NewEventParts {
    package var category: UnsafeRawBufferPointer
    package var aggregateID: UnsafeRawBufferPointer
    package var eventType: UnsafeRawBufferPointer
    package var data: UnsafeRawBufferPointer
    package var timestamp: Timestamp?
    package var version: UInt32
    package var identifier: EventIdentifierParts?
    package var tags: [UnsafeRawBufferPointer]
    package var metadata: UnsafeRawBufferPointer?

    package init(
        category: UnsafeRawBufferPointer,
        aggregateID: UnsafeRawBufferPointer,
        eventType: UnsafeRawBufferPointer,
        data: UnsafeRawBufferPointer,
        timestamp: Timestamp? = nil,
        version: UInt32 = 1,
        identifier: EventIdentifierParts? = nil,
        tags: [UnsafeRawBufferPointer] = [],
        metadata: UnsafeRawBufferPointer? = nil
    ) {
        self.category = category
        self.aggregateID = aggregateID
        self.eventType = eventType
        self.data = data
        self.timestamp = timestamp
        self.version = version
        self.identifier = identifier
        self.tags = tags
        self.metadata = metadata
    }
}
