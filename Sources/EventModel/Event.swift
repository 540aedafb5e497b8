// Owns: what an event is, before its append (`NewEvent`) and after (`Event`).

/// An event as a caller hands it in.
///
/// `data` and `metadata` are JSON objects in UTF-8; the store validates `data` and `metadata` once, at append, and
/// returns them byte for byte.
public struct NewEvent: Hashable, Sendable {
    /// What kind of thing it is about.
    public var category: String
    /// Which thing.
    public var aggregateID: String
    /// What happened.
    public var eventType: String
    /// A JSON object in UTF-8; kept byte for byte.
    public var data: [UInt8]
    /// When it happened; the commit time where nil.
    public var timestamp: Timestamp?
    /// Schema version of `data`, from 1.
    public var version: UInt32
    /// Makes a retry of this append idempotent: the store keeps at most one event of an identifier. A name by ``NameRule``;
    /// a UUID in its form of 36 characters is one whatever its case.
    public var identifier: String?
    /// Further keys to find the event by.
    public var tags: [String]
    /// A JSON object beside the data: correlation, causation …
    public var metadata: [UInt8]?

    /// An event to append; names are checked by the store.
    public init(
        category: String,
        aggregateID: String,
        eventType: String,
        data: [UInt8] = Array("{}".utf8),
        timestamp: Timestamp? = nil,
        version: UInt32 = 1,
        identifier: String? = nil,
        tags: [String] = [],
        metadata: [UInt8]? = nil
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

/// An immutable event as the store keeps it.
public struct Event: Hashable, Sendable {
    /// Its position in the one global order.
    public let id: EventID
    /// What kind of thing it is about.
    public let category: String
    /// Which thing.
    public let aggregateID: String
    /// What happened.
    public let eventType: String
    /// The JSON object, byte for byte as it was appended.
    public let data: [UInt8]
    /// When it happened, by the caller's account. May run backwards from event to event.
    public let timestamp: Timestamp
    /// When it was committed, by a clock that never runs backwards.
    public let recordedAt: Timestamp
    /// Schema version of `data`, from 1.
    public let version: UInt32
    /// The identifier it was given, a UUID in lower case; nil where none was.
    public let identifier: String?
    /// The further keys it was given, in their order.
    public let tags: [String]
    /// The JSON object beside the data, byte for byte; nil where none was given.
    public let metadata: [UInt8]?

    /// A stored event, put together from its parts.
    public init(
        id: EventID,
        category: String,
        aggregateID: String,
        eventType: String,
        data: [UInt8],
        timestamp: Timestamp,
        recordedAt: Timestamp,
        version: UInt32 = 1,
        identifier: String? = nil,
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
        self.identifier = identifier
        self.tags = tags
        self.metadata = metadata
    }
}
