// Owns: which aggregates a load is about: their names, which are those of `evctl generate`, and whose turn it is.

struct AggregateNames: Sendable {
    /// The generator's, or the one that was asked for.
    let categories: [String]
    /// Aggregates of each category.
    let things: UInt64
    /// Digits of an aggregate's number.
    let digits: Int

    init(category: String?, aggregates: UInt64) {
        var categories: [String] = []
        for kind in EventKind.all where categories.last != "\(kind.category)" { categories.append("\(kind.category)") }
        self.categories = category.map { [$0] } ?? categories
        things = max(1, aggregates / UInt64(self.categories.count))
        digits = max(6, String(things - 1).count)
    }

    /// The name of number 0 of a category. The others differ in the digits at its end.
    func first(of category: Int) -> String {
        "\(categories[category])-\(String(repeating: "0", count: digits))"
    }
}

/// The numbers of the aggregates to come: all of a category in turn, or any of them at random.
struct AggregateNumbers: Sendable {
    enum Order {
        case inTurn
        case atRandom(seed: UInt64)
    }

    private let things: UInt64
    private let stride: UInt64
    private var random: SplitMix64?
    /// By category.
    private var turns: [UInt64]

    /// The share of one of so many that draw from the same names.
    init(_ names: AggregateNames, _ order: Order, share: Int, of shares: Int) {
        things = names.things
        stride = UInt64(shares) % things
        turns = names.categories.map { _ in UInt64(share) % names.things }
        if case .atRandom(let seed) = order { random = SplitMix64(seed: seed &+ UInt64(share)) }
    }

    mutating func next(_ category: Int) -> UInt64 {
        if random != nil { return random!.below(things) }
        let number = turns[category]
        turns[category] += stride
        if turns[category] >= things { turns[category] -= things }
        return number
    }
}
