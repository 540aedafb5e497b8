// Owns how the tests write reducers and events down: as text, one line each.

import Glibc
import Reducers
import Testing

/// An event that owns its text.
struct TestEvent {
    var id: UInt64 = 1
    var category = "test"
    var type = "happened"
    var aggregate = "thing-1"
    var data = "{}"
    var nanoseconds: Int64 = 0
    var uuid: String?
    var tags: [String] = []
    var metadata: String?
}

extension Reducer {
    convenience init(
        _ text: String,
        name: String = "test",
        limits: ReducerLimits = .init(),
        stop: ReducerStop? = nil
    ) throws(ReducerError) {
        try self.init(ReducerSource(name: name, text: Array(text.utf8)), limits: limits, stop: stop)
    }

    func reduce(_ event: TestEvent = TestEvent()) throws {
        let category = Array(event.category.utf8)
        let type = Array(event.type.utf8)
        let aggregate = Array(event.aggregate.utf8)
        let data = Array(event.data.utf8)
        let metadata = Array((event.metadata ?? "").utf8)
        try category.withUnsafeBytes { category in
            try type.withUnsafeBytes { type in
                try aggregate.withUnsafeBytes { aggregate in
                    try data.withUnsafeBytes { data in
                        try metadata.withUnsafeBytes { metadata in
                            var events = ReducerEvents()
                            events.append(
                                ReducerEvent(
                                    eventID: event.id,
                                    category: category,
                                    eventType: type,
                                    aggregateID: aggregate,
                                    data: data,
                                    timestampNanoseconds: event.nanoseconds,
                                    recordedAtNanoseconds: event.nanoseconds,
                                    id: event.uuid,
                                    tags: event.tags,
                                    metadata: event.metadata == nil ? nil : metadata
                                )
                            )
                            _ = try self.reduce(events)
                        }
                    }
                }
            }
        }
    }

    var json: String {
        get throws { String(decoding: try self.stateJSON(), as: UTF8.self) }
    }
}

/// The state after one event, of a reducer whose `reduce` has this body.
func state(after body: String, data: String = "{}", limits: ReducerLimits = .init()) throws -> String {
    let reducer = try Reducer("return { reduce = function(state, event) \(body) end }", limits: limits)
    try reducer.reduce(TestEvent(data: data))
    return try reducer.json
}

/// What the Lua expression is, as JSON.
func value(of expression: String, data: String = "{}") throws -> String {
    let json = try state(after: "return { value = \(expression) }", data: data)
    return String(json.dropFirst(#"{"value":"#.count).dropLast())
}

/// The error of one event, of a reducer whose `reduce` has this body; or of printing its state.
func error(after body: String, data: String = "{}", limits: ReducerLimits = .init()) throws -> ReducerError {
    try #require(throws: ReducerError.self) { _ = try state(after: body, data: data, limits: limits) }
}

extension ReducerError {
    var kind: String { String(describing: Mirror(reflecting: self).children.first?.label ?? "") }
}

/// What this thread has worked so far.
func processorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
