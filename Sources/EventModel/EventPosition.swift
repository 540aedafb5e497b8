// Owns: a position as it leaves a store: with the identity of the store that it belongs to, so that nobody goes on in another
// from where he has never been.

/// The position of an event, with its store where that is told: `17`, or `17@0198c1f2-6d0b-7c3e-9a51-3f6f2f1d9b7e`.
public struct EventPosition: Hashable, Sendable, CustomStringConvertible {
    /// The event.
    public var id: EventID
    /// The store it belongs to, by its UUID; nil where nothing is said of that.
    public var store: EventUUID?

    /// A position of a store, or of whichever is asked.
    public init(_ id: EventID, store: EventUUID? = nil) {
        self.id = id
        self.store = store
    }

    /// The id, and behind an `@` the store.
    public var description: String {
        store.map { "\(id)@\($0)" } ?? id.description
    }

    /// Reads what `description` gives; nil for anything else.
    public init?(_ text: some StringProtocol) {
        var text = String(text)
        guard let value = text.withUTF8({ EventPosition(utf8: UnsafeRawBufferPointer($0)) }) else { return nil }
        self = value
    }

    /// Reads it from bytes.
    package init?(utf8 bytes: UnsafeRawBufferPointer) {
        guard let at = bytes.firstIndex(of: UInt8(ascii: "@")) else {
            guard let id = EventID(decimal: bytes) else { return nil }
            self.init(id)
            return
        }
        guard let id = EventID(decimal: UnsafeRawBufferPointer(rebasing: bytes[..<at])),
            let store = EventUUID(utf8: UnsafeRawBufferPointer(rebasing: bytes[(at + 1)...]))
        else { return nil }
        self.init(id, store: store)
    }
}
