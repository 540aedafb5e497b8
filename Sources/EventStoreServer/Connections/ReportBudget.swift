// Owns: how many lines an operator is told of one kind of thing: so many in each interval, and the rest as a number.
// Refuses to know: what the lines say, and where they go.

import NIOCore

struct ReportBudget {
    /// So many are told one by one in each interval.
    let maximum: Int
    static let interval = TimeAmount.seconds(10)

    private var intervalEnd = NIODeadline.uptimeNanoseconds(0)
    private var told = 0
    /// Those since the last that was told.
    private(set) var untold = 0

    init(maximum: Int) { self.maximum = maximum }

    /// Counts one more. How many before it were not told, where this one is to be; nil where it is not.
    mutating func admit(at now: NIODeadline) -> Int? {
        if now >= intervalEnd {
            intervalEnd = now + Self.interval
            told = 0
        }
        guard told < maximum else {
            untold += 1
            return nil
        }
        told += 1
        defer { untold = 0 }
        return untold
    }

    /// Whether its interval is over, so that what was not told may be told in sum.
    func isOver(at now: NIODeadline) -> Bool { now >= intervalEnd }
}
