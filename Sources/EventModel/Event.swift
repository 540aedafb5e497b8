// Owns: what an event is, before its append (`NewEvent`) and after (`Event`).

/// An event as a caller hands it in.
///
/// `data` and `metadata` are JSON objects in UTF-8; the store validates `data` and `metadata` once, at append, and
/// returns them byte for byte.
public struct NewEvent: Hashable, Sendable {
    public var category: String
    public var aggregateID: String
    public var eventType: String
    public var data: [UInt8]
    /// When it happened; the commit time where nil.
    public var timestamp: Timestamp?
    /// Schema version of `data`, from 1.
    public var version: UInt32
    /// Makes a retry of this append idempotent: the store keeps at most one event of an identifier.
    public var uuid: EventUUID?
    /// Further keys to find the event by.
    public var tags: [String]
    /// A JSON object beside the data: correlation, causation …
    public var metadata: [UInt8]?

    public init(
        category: String,
        aggregateID: String,
        eventType: String,
        data: [UInt8] = Array("{}".utf8),
        timestamp: Timestamp? = nil,
        version: UInt32 = 1,
        uuid: EventUUID? = nil,
        tags: [String] = [],
        metadata: [UInt8]? = nil
    ) {
        self.category = category
        self.aggregateID = aggregateID
        self.eventType = eventType
        self.data = data
        self.timestamp = timestamp
        self.version = version
        self.uuid = uuid
        self.tags = tags
        self.metadata = metadata
    }
}

/// An immutable event as the store keeps it.
public struct Event: Hashable, Sendable {
    public let id: EventID
    public let category: String
    public let aggregateID: String
    public let eventType: String
    /// The JSON object, byte for byte as it was appended.
    public let data: [UInt8]
    /// When it happened, by the caller's account. May run backwards from event to event.
    public let timestamp: Timestamp
    /// When it was committed, by a clock that never runs backwards.
    public let recordedAt: Timestamp
    public let version: UInt32
    public let uuid: EventUUID?
    public let tags: [String]
    public let metadata: [UInt8]?

    public init(
        id: EventID,
        category: String,
        aggregateID: String,
        eventType: String,
        data: [UInt8],
        timestamp: Timestamp,
        recordedAt: Timestamp,
        version: UInt32 = 1,
        uuid: EventUUID? = nil,
        tags: [String] = [],
        metadata: [UInt8]? = nil
    ) {
        self.id = id
        self.category = category
        self.aggregateID = aggregateID
        self.eventType = eventType
        self.data = data
        self.timestamp = timestamp
        self.recordedAt = recordedAt
        self.version = version
        self.uuid = uuid
        self.tags = tags
        self.metadata = metadata
    }
}
