// Owns: the TIME grammar of the command line, a pure function of the text, the moment it is read at, and the zones.
// Refuses to know: the clock.

import EventModel

struct TimeGrammar: Sendable {
    let now: Timestamp
    private let database: ZoneDatabase
    private let local: @Sendable () throws(TimeFault) -> Zone

    /// `local` is asked only for a time that has no zone of its own.
    init(now: Timestamp, database: ZoneDatabase, local: @escaping @Sendable () throws(TimeFault) -> Zone) {
        self.now = now
        self.database = database
        self.local = local
    }

    /// The moment that the text names, which must be one that an event can have.
    func moment(_ text: String) throws(TimeFault) -> Timestamp {
        let moment = Int64(exactly: try nanoseconds(text)).map(Timestamp.init(nanoseconds:))
        guard let moment, moment != .distantPast else { throw .word(TimeRules.range) }
        return moment
    }

    /// The moment as a lower bound: what is before all times is no bound. What is after them would match nothing, and is
    /// refused.
    func lowerBound(_ text: String) throws(TimeFault) -> Timestamp {
        let nanoseconds = try nanoseconds(text)
        guard nanoseconds <= Int64.max else { throw .word(TimeRules.range) }
        return Timestamp(nanoseconds: Int64(clamping: nanoseconds))
    }

    /// The moment as an upper bound, inclusive: what is after all times is no bound, and what is before them matches nothing.
    func upperBound(_ text: String) throws(TimeFault) -> Timestamp {
        Timestamp(nanoseconds: Int64(clamping: try nanoseconds(text)))
    }

    /// Reads what a store is asked about as of: a bare integer, or one with its store, is a position, all else a time.
    func asOf(_ text: String) throws(TimeFault) -> AsOf {
        if let position = EventPosition(text) { return .id(position.id) }
        return .time(try upperBound(text))
    }

    private func nanoseconds(_ text: String) throws(TimeFault) -> Int128 {
        try TimeWord(text).nanoseconds(now: now) { (word: TimeWord.ZoneWord) throws(TimeFault) in
            switch word {
            case .local: try local()
            case .offset(let offset): .rules(ZoneRules(initialOffset: offset))
            case .named(let name): .rules(try database.named(name))
            }
        }
    }
}
