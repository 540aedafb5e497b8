// Owns: events in a row in the shape that C is given them in, so that the way into Lua and out again is gone once for all of them.

internal import CLua

/// Events for `Reducer.reduce`, in order. What they borrow must stay valid until that returns.
package struct ReducerEvents {
    private var events: [clua_event] = []
    /// What of them is text of ours: of each that has an id or tags, the id first.
    private var texts: [UInt8] = []
    private var pieces: [Piece] = []

    private struct Piece {
        enum Kind { case id, tag }

        let event: Int
        let kind: Kind
        let place: Range<Int>
    }

    package init() {}

    package var count: Int { events.count }

    package mutating func removeAll() {
        events.removeAll(keepingCapacity: true)
        texts.removeAll(keepingCapacity: true)
        pieces.removeAll(keepingCapacity: true)
    }

    package mutating func append(_ event: ReducerEvent) {
        if let id = event.id { add(id, .id) }
        for tag in event.tags { add(tag, .tag) }
        events.append(clua_event(event))
    }

    private mutating func add(_ text: String, _ kind: Piece.Kind) {
        let start = texts.count
        texts.append(contentsOf: text.utf8)
        pieces.append(Piece(event: events.count, kind: kind, place: start..<texts.count))
    }

    /// Calls `body` with the events in C's shape, borrowed.
    func withCLuaEvents<R>(_ body: (UnsafeBufferPointer<clua_event>) -> R) -> R {
        if pieces.isEmpty { return events.withUnsafeBufferPointer(body) }
        return texts.withUnsafeBytes { texts in
            let slices = pieces.map { clua_text(UnsafeRawBufferPointer(rebasing: texts[$0.place])) }
            return slices.withUnsafeBufferPointer { slices in
                var events = events
                for (piece, index) in zip(pieces, slices.indices) {
                    switch piece.kind {
                    case .id: events[piece.event].id = slices[index]
                    case .tag:
                        if events[piece.event].tag_count == 0 {
                            events[piece.event].tags = slices.baseAddress.map { $0 + index }
                        }
                        events[piece.event].tag_count += 1
                    }
                }
                return events.withUnsafeBufferPointer(body)
            }
        }
    }
}

extension clua_event {
    /// All but the id and the tags.
    fileprivate init(_ event: ReducerEvent) {
        self.init()
        event_id = Int64(event.eventID)
        category = clua_text(event.category)
        event_type = clua_text(event.eventType)
        aggregate_id = clua_text(event.aggregateID)
        data = clua_text(event.data)
        timestamp = seconds(nanoseconds: event.timestampNanoseconds)
        recorded_at = seconds(nanoseconds: event.recordedAtNanoseconds)
        version = event.version
        if let text = event.metadata { metadata = clua_text(text) }
    }
}

/// Whole seconds and the fraction apart, because their sum is rounded once: 1700000000.1 comes out as that.
private func seconds(nanoseconds: Int64) -> Double {
    let (whole, fraction) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    return Double(whole) + Double(fraction) / 1e9
}
