// Owns: reducers and what is kept of them.

import EventModel
import EventStore
import Reducers
import SegmentLog

extension Benchmark {
    static let folds = [
        Benchmark(name: "reduce", operation: "an event folded by a reducer that counts", iterations: 16) {
            let reducer = try Reducer(ReducerSource(name: "counts", text: Array(counts.utf8)))
            let data = (0..<512).map { index in
                Array(#"{"user":"user-\#(index)","status":"status-\#(index % 5)","amount":\#(index).25}"#.utf8)
            }
            // As many in one go as a block has, or half of them.
            var chunks = stride(from: 0, to: data.count, by: 64).map { EventChunk(Array(data[$0..<$0 + 64])) }
            return Loop(operations: data.count, bytes: data.reduce(0) { $0 + $1.count }) {
                for index in chunks.indices { try reducer.reduce(&chunks[index]) }
                return Int(reducer.eventsProcessed)
            }
        },
        Benchmark(name: "state-json", operation: "a state with 1000 entries as JSON") {
            let reducer = try Reducer(ReducerSource(name: "counts", text: Array(counts.utf8)))
            for index in 0..<1000 { try reducer.reduce(Array(#"{"status":"status-\#(index)"}"#.utf8)) }
            return Loop(operations: 1, bytes: try reducer.stateJSON().count) { try reducer.stateJSON().count }
        },
        Benchmark(name: "snapshot", operation: "the file of a snapshot with a state of 1000 entries", iterations: 1) {
            let entries = (0..<1000).map { #""product-\#($0)":{"quantity":\#($0 * 7919 % 1000)}"# }
            let snapshot = Snapshot(
                hash: ContentHash(value: 1),
                position: EventID(1_000_000),
                state: FoldState(lastEvent: EventID(999_999), eventsProcessed: 500_000),
                stateJSON: Array("{\"products\":{\(entries.joined(separator: ","))}}".utf8)
            )
            let store = UniqueID(bytes: Array(0..<16))
            return Loop(operations: 1, bytes: snapshot.stateJSON.count) { snapshot.encoded(store: store).count }
        },
    ]

    /// As config/reducers/order_counts.lua.
    private static let counts = """
        return {
          events = { category = "order" },
          reduce = function(state, event)
            state.by_status = state.by_status or {}
            local counts = state.by_status
            local status = event.data.status
            if status == nil then status = "unknown" end
            status = tostring(status)
            counts[status] = (counts[status] or 0) + 1
            return state
          end,
        }
        """
}

/// The data of events that are folded in one go.
private struct EventChunk {
    let ends: [Int]
    let data: [UInt8]
    var events = ReducerEvents()

    init(_ data: [[UInt8]]) {
        self.data = Array(data.joined())
        ends = data.reduce(into: []) { $0.append(($0.last ?? 0) + $1.count) }
    }
}

extension Reducer {
    fileprivate func reduce(_ data: [UInt8]) throws {
        var chunk = EventChunk([data])
        try reduce(&chunk)
    }

    fileprivate func reduce(_ chunk: inout EventChunk) throws {
        func text(_ text: StaticString) -> UnsafeRawBufferPointer {
            UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        }
        chunk.events.removeAll()
        try chunk.data.withUnsafeBytes { data in
            var start = 0
            for end in chunk.ends {
                chunk.events.append(
                    ReducerEvent(
                        eventID: eventsProcessed + UInt64(chunk.events.count) + 1,
                        category: text("order"),
                        eventType: text("created"),
                        aggregateID: text("order-0000001"),
                        data: UnsafeRawBufferPointer(rebasing: data[start..<end]),
                        timestampNanoseconds: 1_772_000_000_123_456_000,
                        recordedAtNanoseconds: 1_772_000_000_123_456_789
                    )
                )
                start = end
            }
            let done = try reduce(chunk.events)
            precondition(done == chunk.ends.count, "none of them takes long")
        }
    }
}
