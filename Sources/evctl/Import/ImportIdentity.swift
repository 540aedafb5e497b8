// Owns: the ids that an import gives to events that have none, so that a line which is sent again is known by the store.

import EventModel

/// One import, whatever number of runs it takes.
struct ImportIdentity: Equatable {
    /// Of version 8 (RFC 9562: the maker's own scheme). Its 62 low bits are where the lines' ids begin.
    let uuid: EventUUID

    init(_ uuid: EventUUID) {
        self.uuid = uuid
    }

    static func random() -> ImportIdentity {
        let uuid = EventUUID.random()
        return ImportIdentity(EventUUID(high: uuid.high & ~0xF000 | 0x8000, low: uuid.low))
    }

    /// The id of a line: the same in each run, another for each line and each import.
    func id(ofLine line: UInt64) -> EventUUID {
        let variant: UInt64 = 3 << 62
        return EventUUID(high: uuid.high, low: uuid.low & variant | (uuid.low &+ line) & ~variant)
    }
}
