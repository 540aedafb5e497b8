// Owns: the errors a user of the store can meet, with the codes that the wire and the exit codes are made of.

/// An error of the store: a stable code, the ids it is about, and a sentence that says what was wrong and what was
/// expected.
public struct StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of error it is. The raw values are the words of the wire and are stable.
    public enum Code: String, Hashable, Sendable, CaseIterable {
        /// Bad arguments, not a JSON object, bad UTF-8.
        case invalid = "INVALID"
        /// Beyond a configured limit of size.
        case tooBig = "TOOBIG"
        /// An append condition did not hold; `ids.first` is the event in the way.
        case conflict = "CONFLICT"
        /// An identifier is that of an event with other content, `ids.first`.
        case reused = "REUSED"
        /// A position is beyond the last event, `ids.first`, or of another store.
        case position = "POSITION"
        case notFound = "NOTFOUND"
        case noPermission = "NOPERM"
        /// The disk is full; reads go on, appends resume by themselves.
        case noSpace = "NOSPC"
        /// The store is still recovering.
        case loading = "LOADING"
        /// Events `ids.first` to `ids.last` are damaged on disk.
        case corrupt = "CORRUPT"
        /// Events `ids.first` to `ids.last` were written by a later version of evstore, and this one cannot read them.
        case later = "LATER"
        /// The store takes no more appends until it is restarted; an append in flight has an unknown outcome.
        case failed = "FAILED"
        /// A reducer ran past its limit of instructions or memory.
        case budget = "BUDGET"
        /// A projection did not catch up in time; `ids.first` is where it stands.
        case lagging = "LAGGING"
        /// Anything else, such as an unknown command.
        case other = "ERR"
    }

    /// What kind of error it is.
    public let code: Code
    /// The ids that are part of the error, as its code defines them.
    public let ids: [EventID]
    /// A sentence for a person; its wording may change.
    public let message: String

    /// An error of a code, about these ids.
    public init(_ code: Code, ids: [EventID] = [], _ message: String) {
        self.code = code
        self.ids = ids
        self.message = message
    }

    /// The events that are damaged, where that is the error. Whoever goes on behind the last of them misses no other.
    public var damage: ClosedRange<EventID>? {
        code == .corrupt ? unreadable : nil
    }

    /// The events that cannot be read, where that is the error: they are damaged, or a later version of evstore wrote them.
    /// Whoever goes on behind the last of them misses no other.
    public var unreadable: ClosedRange<EventID>? {
        guard code == .corrupt || code == .later, ids.count == 2, ids[0] <= ids[1] else { return nil }
        return ids[0]...ids[1]
    }

    /// `CODE [ids…] message`, on one line: what the wire carries after the minus sign. Whatever the message quotes, no
    /// character of it steers the terminal that it comes to.
    public var description: String {
        ([code.rawValue] + ids.map(\.description) + [message]).joined(separator: " ").visibleOnOneLine
    }

    /// Reads the wire's form; a code that this version does not know becomes `.other` with the whole text.
    public init(wireText text: String) {
        var words = text.split(separator: " ", omittingEmptySubsequences: false)[...]
        guard let code = words.first.flatMap({ Code(rawValue: String($0)) }) else {
            self.init(.other, text)
            return
        }
        words.removeFirst()
        let expectedIDs =
            switch code {
            case .conflict, .reused, .position, .lagging: 1
            case .corrupt, .later: 2
            default: 0
            }
        var ids: [EventID] = []
        while ids.count < expectedIDs, let id = words.first.flatMap({ EventID(decimal: $0) }) {
            ids.append(id)
            words.removeFirst()
        }
        self.init(code, ids: ids, words.joined(separator: " "))
    }
}

extension StoreError {
    /// A position that lies beyond the last event: no event of this store has been there.
    package init(position: EventID, beyond tail: EventID) {
        self.init(
            .position,
            ids: [tail],
            "event \(position) is not in this store, whose last is \(tail): the store has been replaced or restored since; "
                + "go on from an event that both have"
        )
    }
}
