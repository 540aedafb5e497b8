// Owns: the kinds of event that the generator knows, how often each occurs, and what its data says.

struct EventKind: Sendable {
    let category: StaticString
    let type: StaticString
    /// Out of the sum of all.
    let weight: UInt64
    let members: @Sendable (inout EventData) -> Void

    static let all: [EventKind] = [
        EventKind(category: "order", type: "created", weight: 12) { data in
            data.reference("customer", "cus-", below: 25_000)
            data.items()
            data.address("ship_to")
        },
        EventKind(category: "order", type: "confirmed", weight: 10) { data in
            data.text("status", "confirmed")
            data.reference("customer", "cus-", below: 25_000)
            data.amount("total")
            data.word("currency", Vocabulary.currencies)
        },
        EventKind(category: "order", type: "shipped", weight: 9) { data in
            data.text("status", "shipped")
            data.word("carrier", Vocabulary.carriers)
            data.reference("tracking", "TRK", below: 1_000_000_000_000, width: 12)
            data.address("ship_to")
        },
        EventKind(category: "order", type: "cancelled", weight: 3) { data in
            data.text("status", "cancelled")
            data.word("reason", Vocabulary.reasons)
            data.reference("agent", "emp-", below: 400, width: 4)
        },
        EventKind(category: "user", type: "registered", weight: 4) { data in
            data.person()
            data.word("language", Vocabulary.languages)
            data.address("home")
        },
        EventKind(category: "user", type: "logged_in", weight: 16) { data in
            data.ipAddress()
            data.word("agent", Vocabulary.agents)
            data.reference("session", "s", below: 1_000_000_000_000, width: 12)
        },
        EventKind(category: "user", type: "address_changed", weight: 3) { data in
            data.address("home")
            data.ipAddress()
        },
        EventKind(category: "inventory", type: "stock_added", weight: 9) { data in
            data.number("quantity", 1...500)
            data.word("warehouse", Vocabulary.warehouses)
            data.word("supplier", Vocabulary.suppliers)
            data.reference("batch", "B", below: 10_000_000, width: 7)
        },
        EventKind(category: "inventory", type: "stock_removed", weight: 13) { data in
            data.number("quantity", 1...5)
            data.word("warehouse", Vocabulary.warehouses)
            data.reference("order", "order-", below: 25_000)
        },
        EventKind(category: "payment", type: "processed", weight: 14) { data in
            data.amount("amount")
            data.word("currency", Vocabulary.currencies)
            data.reference("order", "order-", below: 25_000)
            data.word("method", Vocabulary.methods)
        },
        EventKind(category: "payment", type: "declined", weight: 4) { data in
            data.amount("amount")
            data.word("currency", Vocabulary.currencies)
            data.word("code", Vocabulary.declines)
            data.number("attempt", 1...4)
        },
        EventKind(category: "payment", type: "refunded", weight: 3) { data in
            data.amount("amount")
            data.word("currency", Vocabulary.currencies)
            data.word("reason", Vocabulary.reasons)
            data.reference("agent", "emp-", below: 400, width: 4)
        },
    ]
}
