// Owns: the zone in which times are read and printed: UTC where that was asked for, else the rules of some place.

enum Zone: Equatable {
    case utc
    case rules(ZoneRules)

    /// How many seconds its clocks are ahead of UTC at a moment.
    func offset(at seconds: Int) -> Int {
        switch self {
        case .utc: 0
        case .rules(let rules): rules.offset(at: seconds)
        }
    }

    /// The moment of a reading of its clocks, by the rule of `ZoneRules.moment`.
    func moment(ofLocal local: Int) -> Int {
        switch self {
        case .utc: local
        case .rules(let rules): rules.moment(ofLocal: local)
        }
    }
}

extension Int {
    /// Quotient and remainder where the remainder is never negative.
    func floored(by divisor: Int) -> (quotient: Int, remainder: Int) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
