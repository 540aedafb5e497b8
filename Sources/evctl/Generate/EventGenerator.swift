// Owns: a stream of realistic events as lines of NDJSON, the same for the same seed: what happens to whom, and when.
//
// It feeds measurements, so it must outrun what it feeds: it appends bytes to bytes and makes no String.

struct EventGenerator {
    /// 2025-01-01T00:00:00Z
    static let firstMillisecond: UInt64 = 1_735_689_600_000
    static let yearMilliseconds: UInt64 = 365 * 86_400 * 1000
    /// One event in fifty is told late, up to a hundred steps.
    private static let lateOneIn: UInt64 = 50
    private static let latestSteps: UInt64 = 100

    private let kinds = EventKind.all
    /// Kinds by their weights, so that a draw is one look-up.
    private let draws: [Int]
    private let popularity: Popularity
    private let stepMilliseconds: UInt64
    private var random: SplitMix64
    private var clock = Self.firstMillisecond

    /// `events` spreads the stream over one year. `aggregates` are shared among the four categories.
    init(seed: UInt64, events: UInt64, aggregates: UInt64) {
        random = SplitMix64(seed: seed)
        draws = kinds.enumerated().flatMap { repeatElement($0.offset, count: Int($0.element.weight)) }
        popularity = Popularity(things: max(1, aggregates / 4))
        stepMilliseconds = max(1, Self.yearMilliseconds / max(1, events))
    }

    /// Appends one line with its break.
    mutating func appendLine(to output: inout [UInt8]) {
        let kind = kinds[random.pick(draws)]
        output.append(#"{"category":""#)
        output.append(kind.category)
        output.append(#"","event_type":""#)
        output.append(kind.type)
        output.append(#"","aggregate_id":""#)
        output.append(kind.category)
        output.append(UInt8(ascii: "-"))
        output.append(decimal: popularity.next(&random), width: 6)
        output.append(#"","data":"#)

        var data = EventData(appendingTo: output, random: random)
        output = []
        data.object(kind.members)
        random = data.random
        output = data.output

        let moment = nextMoment()
        output.append(#","timestamp":"#)
        output.append(decimal: moment / 1000)
        output.append(UInt8(ascii: "."))
        output.append(decimal: moment % 1000, width: 3)
        output.append("}\n")
    }

    /// The clock moves by up to twice the mean step; some events are told late.
    private mutating func nextMoment() -> UInt64 {
        clock += random.below(2 * stepMilliseconds + 1)
        guard random.below(Self.lateOneIn) == 0 else { return clock }
        let late = random.below(Self.latestSteps * stepMilliseconds)
        return clock - min(late, clock - Self.firstMillisecond)
    }
}
