// Owns: the data of a generated event: what each type says, and how long it is.
// Refuses to know: the event round it.

/// Writes one JSON object: members one after another, then a note that brings it to the length drawn for it.
struct EventData {
    /// Lengths are drawn from here, evenly. A note stays up to a sentence below what was drawn; what the members take
    /// beyond is bounded by their own words.
    static let drawnBytes: ClosedRange<UInt64> = 155...395
    private static let noteOpening: StaticString = #","note":""#

    var output: [UInt8]
    var random: SplitMix64
    private var start = 0

    init(appendingTo output: consuming [UInt8], random: SplitMix64) {
        self.output = output
        self.random = random
    }

    /// One object; `members` writes at least one.
    mutating func object(_ members: (inout EventData) -> Void) {
        start = output.count
        let length = Self.drawnBytes.lowerBound + random.below(UInt64(Self.drawnBytes.count))
        output.append(UInt8(ascii: "{"))
        members(&self)
        note(until: start + Int(length))
        output.append(UInt8(ascii: "}"))
    }

    private mutating func note(until end: Int) {
        // Room for the opening, a sentence, the quote and the brace.
        guard output.count + Self.noteOpening.utf8CodeUnitCount + Vocabulary.longestSentence + 2 <= end else { return }
        output.append(Self.noteOpening)
        output.append(random.pick(Vocabulary.sentences))
        while output.count + 1 + Vocabulary.longestSentence + 2 <= end {
            output.append(UInt8(ascii: " "))
            output.append(random.pick(Vocabulary.sentences))
        }
        output.append(UInt8(ascii: "\""))
    }

    /// The name of a member, with what goes round it.
    mutating func key(_ name: StaticString) {
        if output.last != UInt8(ascii: "{") { output.append(UInt8(ascii: ",")) }
        output.append(UInt8(ascii: "\""))
        output.append(name)
        output.append("\":")
    }

    mutating func text(_ name: StaticString, _ value: StaticString) {
        key(name)
        output.append(UInt8(ascii: "\""))
        output.append(value)
        output.append(UInt8(ascii: "\""))
    }

    mutating func word(_ name: StaticString, _ words: [StaticString]) {
        text(name, random.pick(words))
    }

    mutating func number(_ name: StaticString, _ range: ClosedRange<UInt64>) {
        key(name)
        output.append(decimal: range.lowerBound + random.below(UInt64(range.count)))
    }

    /// A number with a prefix, as identifiers of other systems are: `"cus-004821"`.
    mutating func reference(_ name: StaticString, _ prefix: StaticString, below bound: UInt64, width: Int = 6) {
        key(name)
        output.append(UInt8(ascii: "\""))
        output.append(prefix)
        output.append(decimal: random.below(bound), width: width)
        output.append(UInt8(ascii: "\""))
    }

    mutating func money(_ name: StaticString, cents: UInt64) {
        key(name)
        output.append(decimal: cents / 100)
        output.append(UInt8(ascii: "."))
        output.append(decimal: cents % 100, width: 2)
    }

    mutating func amount(_ name: StaticString) {
        money(name, cents: 99 + random.below(50_000))
    }

    mutating func person() {
        key("name")
        output.append(UInt8(ascii: "\""))
        output.append(random.pick(Vocabulary.givenNames))
        output.append(UInt8(ascii: " "))
        output.append(random.pick(Vocabulary.familyNames))
        output.append(UInt8(ascii: "\""))
    }

    mutating func address(_ name: StaticString) {
        key(name)
        output.append(#"{"street":""#)
        output.append(decimal: 1 + random.below(180))
        output.append(UInt8(ascii: " "))
        output.append(random.pick(Vocabulary.streets))
        output.append(#"","#)
        let place = Int(random.below(UInt64(Vocabulary.cities.count)))
        output.append(#""postcode":""#)
        output.append(decimal: 10_000 + random.below(89_999))
        output.append(#"","city":""#)
        output.append(Vocabulary.cities[place])
        output.append(#"","country":""#)
        output.append(Vocabulary.countries[place])
        output.append(#""}"#)
    }

    /// One or two lines of an order, and what they come to.
    mutating func items() {
        key("items")
        output.append(UInt8(ascii: "["))
        var total: UInt64 = 0
        for index in 0...random.below(2) {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            output.append(UInt8(ascii: "{"))
            reference("sku", "SKU-", below: 40_000, width: 5)
            word("name", Vocabulary.products)
            let (quantity, cents) = (1 + random.below(4), 199 + random.below(20_000))
            key("quantity")
            output.append(decimal: quantity)
            money("price", cents: cents)
            output.append(UInt8(ascii: "}"))
            total += quantity * cents
        }
        output.append(UInt8(ascii: "]"))
        money("total", cents: total)
        word("currency", Vocabulary.currencies)
    }

    mutating func ipAddress() {
        key("ip")
        output.append(UInt8(ascii: "\""))
        output.append("10")
        for _ in 0..<3 {
            output.append(UInt8(ascii: "."))
            output.append(decimal: random.below(256))
        }
        output.append(UInt8(ascii: "\""))
    }
}
