// The reference model's reducers, over its events, come to its states.

import Foundation
import Reducers
import Testing

@Suite("Reference reducers")
struct ReferenceTests {
    /// The events of the reference's `run_demo`.
    private static let events = [
        TestEvent(id: 1, category: "user", type: "registered", aggregate: "user-001", data: #"{"name":"Alice"}"#),
        TestEvent(id: 2, category: "user", type: "logged_in", aggregate: "user-001"),
        TestEvent(id: 3, category: "inventory", type: "stock_added", aggregate: "widget-A", data: #"{"quantity":100}"#),
        TestEvent(
            id: 4,
            category: "order",
            type: "created",
            aggregate: "order-001",
            data: #"{"user":"user-001","status":"pending"}"#
        ),
        TestEvent(
            id: 5,
            category: "order",
            type: "confirmed",
            aggregate: "order-001",
            data: #"{"status":"confirmed"}"#
        ),
        TestEvent(id: 6, category: "inventory", type: "stock_removed", aggregate: "widget-A", data: #"{"quantity":3}"#),
        TestEvent(
            id: 7,
            category: "order",
            type: "created",
            aggregate: "order-002",
            data: #"{"user":"user-001","status":"pending"}"#
        ),
        TestEvent(
            id: 8,
            category: "payment",
            type: "processed",
            aggregate: "pay-001",
            data: #"{"amount":49.99,"order":"order-001"}"#
        ),
    ]

    @Test(
        "The projections are the reference's",
        arguments: [
            ("order_counts", #"{"by_status":{"confirmed":1,"pending":2}}"#, 3),
            ("user_activity", #"{"users":{"user-001":{"event_count":2,"last_event":"logged_in"}}}"#, 2),
            ("inventory_levels", #"{"products":{"widget-A":97}}"#, 2),
        ] as [(String, String, UInt64)]
    )
    func projections(name: String, json: String, count: UInt64) throws {
        let reducer = try load(name)
        #expect(try reducer.json == "{}")
        for event in Self.events where reducer.selection.categories.contains(event.category) {
            try reducer.reduce(event)
        }
        #expect(try reducer.json == json)
        #expect(reducer.eventsProcessed == count)
    }

    @Test("The temporal reducer is the reference's, and takes any category")
    func temporal() throws {
        let reducer = try load("inventory")
        #expect(reducer.selection == ReducerSelection())
        #expect(try reducer.json == "{}")
        try reducer.reduce(Self.events[2])
        #expect(try reducer.json == #"{"quantity":100}"#)
        try reducer.reduce(Self.events[0])
        #expect(try reducer.json == #"{"quantity":100}"#)
        try reducer.reduce(TestEvent(type: "stock_removed", data: #"{"quantity":101}"#))
        #expect(try reducer.json == #"{"quantity":-1}"#)
    }

    @Test("An order event without a status counts as unknown")
    func unknownStatus() throws {
        let reducer = try load("order_counts")
        try reducer.reduce()
        try reducer.reduce(TestEvent(data: #"{"status":null}"#))
        try reducer.reduce(TestEvent(data: #"{"status":5}"#))
        #expect(try reducer.json == #"{"by_status":{"5":1,"null":1,"unknown":1}}"#)
    }

    @Test("Stock never falls below nothing, and an unknown event only shows that there is inventory")
    func clamped() throws {
        let reducer = try load("inventory_levels")
        try reducer.reduce(TestEvent(type: "counted", aggregate: "w"))
        #expect(try reducer.json == #"{"products":{}}"#)
        try reducer.reduce(TestEvent(type: "stock_removed", aggregate: "w", data: #"{"quantity":3}"#))
        #expect(try reducer.json == #"{"products":{"w":0}}"#)
    }
}

/// The reducer of this name in `config/reducers`.
func load(_ name: String, in folder: String = "config/reducers") throws -> Reducer {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    let text = try Data(contentsOf: root.appending(path: "\(folder)/\(name).lua"))
    return try Reducer(ReducerSource(name: name, text: Array(text)))
}
