// Owns: the commands that a load is made of, by the kind of work: appends, reads, states, pings.

import EventModel

/// What is measured as one thing.
struct Work: Sendable {
    enum Kind: String, Sendable {
        case append
        case read
        case state
        case ping
    }

    let kind: Kind
    let repliesPerUnit: Int
    /// By connection.
    var cycles: [CommandCycle]

    static func reads(_ names: AggregateNames, plan: LoadPlan) -> Work {
        questions(.read, names, plan: plan, aggregate: 2) { ["EV.READ", "AGGREGATE", $0] }
    }

    static func states(_ names: AggregateNames, plan: LoadPlan, reducer: String, at moment: Timestamp?) -> Work {
        questions(.state, names, plan: plan, aggregate: 1) { aggregate in
            ["EV.STATE", aggregate, "REDUCER", reducer] + (moment.map { ["AT", $0.description] } ?? [])
        }
    }

    static func pings(_ names: AggregateNames, plan: LoadPlan) -> Work {
        questions(.ping, names, plan: plan, aggregate: nil) { _ in ["PING"] }
    }

    /// One question at a time; `words` puts it about an aggregate, whose place among them is given.
    private static func questions(
        _ kind: Kind,
        _ names: AggregateNames,
        plan: LoadPlan,
        aggregate: Int?,
        words: (_ aggregate: String) -> [String]
    ) -> Work {
        var cycle = CommandCycle(names)
        let categories = names.categories.count
        // Enough for the pipeline to be written in one piece, and of each category as many.
        for unit in 0..<(plan.pipeline + categories - 1) / categories * categories {
            let category = unit % categories
            let words = words(names.first(of: category)).map { Array($0.utf8) }
            if let aggregate {
                cycle.add(words, aggregate: aggregate, category: category)
            } else {
                cycle.add(words)
            }
            cycle.endUnit()
        }
        return Work(kind: kind, repliesPerUnit: 1, cycles: Array(repeating: cycle, count: plan.clients))
    }

    /// Appends, `batch` events at a time, which beyond one make a transaction.
    static func appends(_ names: AggregateNames, plan: LoadPlan, batch: Int, source: inout EventSource) -> Work {
        let limit = CommandCycle.totalBytes / plan.clients
        let units = max(1, (plan.units - 1) / plan.clients + 1)
        var cycles: [CommandCycle] = []
        for _ in 0..<plan.clients {
            var cycle = CommandCycle(names)
            repeat {
                if batch > 1 { cycle.add([Array("MULTI".utf8)]) }
                for _ in 0..<batch { source.addAppend(to: &cycle, names) }
                if batch > 1 { cycle.add([Array("EXEC".utf8)]) }
                cycle.endUnit()
            } while cycle.units < units && cycle.bytes.count < limit
            cycles.append(cycle)
        }
        return Work(kind: .append, repliesPerUnit: batch > 1 ? batch + 2 : 1, cycles: cycles)
    }
}

extension CommandCycle {
    /// Of all connections together: enough to be varied, little enough to be made at once and held.
    static let totalBytes = 16 << 20
}
