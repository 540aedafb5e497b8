// Owns: the reference model's eight events, and the JSON that its demonstration prints.
// Refuses to know: how the events reach a store and the states come back.

import EventModel

enum ReferencePipeline {
    static let projections = [
        (label: "orders", name: "order_counts"),
        (label: "users", name: "user_activity"),
        (label: "inventory", name: "inventory_levels"),
    ]

    static let events: [NewEvent] = [
        event(1, "user", "registered", "user-001", #"{"name": "Alice"}"#),
        event(2, "user", "logged_in", "user-001", "{}"),
        event(3, "inventory", "stock_added", "widget-A", #"{"quantity": 100}"#),
        event(4, "order", "created", "order-001", #"{"user": "user-001", "status": "pending"}"#),
        event(5, "order", "confirmed", "order-001", #"{"status": "confirmed"}"#),
        event(6, "inventory", "stock_removed", "widget-A", #"{"quantity": 3}"#),
        event(7, "order", "created", "order-002", #"{"user": "user-001", "status": "pending"}"#),
        event(8, "payment", "processed", "pay-001", #"{"amount": 49.99, "order": "order-001"}"#),
    ]

    /// The question about the past: widget-A's inventory at second 5.
    static let moment = (aggregate: "widget-A", reducer: "inventory", at: Timestamp(nanoseconds: 5_000_000_000))

    /// The demonstration's answer, from the replies to `EV.PROJECTION`, in the order of `projections`, and `EV.STATE`.
    static func answer(totalEvents: UInt64, projections replies: [[UInt8]], state: [UInt8]) throws -> [UInt8] {
        var json: [UInt8] = []
        json.append(#"{"total_events":"#)
        json.append(decimal: totalEvents)
        json.append(#","projections":{"#)
        for (index, projection) in zip(projections, replies).enumerated() {
            if index > 0 { json.append(",") }
            json.append(jsonString: projection.0.label)
            json.append(#":{"name":"#)
            json.append(jsonString: projection.0.name)
            let reply = try Report(projection.1)
            json.append(#","events_processed":"#)
            json.append(decimal: reply.number("events_processed") ?? 0)
            json.append(#","state":"#)
            json += reply.value("state") ?? []
            json.append("}")
        }
        json.append(#"},"temporal_query":{"widget-A_at_t5":"#)
        json += try Report(state).value("state") ?? []
        json.append("}}")
        return JSONIndenter.indented(json)
    }

    private static func event(
        _ second: Int64,
        _ category: String,
        _ type: String,
        _ aggregate: String,
        _ data: String
    ) -> NewEvent {
        NewEvent(
            category: category,
            aggregateID: aggregate,
            eventType: type,
            data: Array(data.utf8),
            timestamp: Timestamp(nanoseconds: second * 1_000_000_000)
        )
    }
}
