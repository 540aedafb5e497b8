// Owns: the commands that a load is made of, by the kind of work: appends of given or made-up data, reads, states, pings.

import EventModel
import EventNDJSON

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

/// Where the events come from: made up, or the objects of a file in turn.
struct EventSource {
    private enum Content {
        case generated(EventGenerator)
        case given([[UInt8]], next: Int)
    }

    private static let type = "recorded"
    private var content: Content
    private var line: [UInt8] = []

    init(seed: UInt64, aggregates: UInt64) {
        content = .generated(EventGenerator(seed: seed, events: 1_000_000, aggregates: aggregates))
    }

    /// Reads a file of JSON objects: one over any number of lines, or one a line.
    init(file: String) throws {
        let descriptor = try Descriptor(reading: file)
        let text = try descriptor.readAll()
        guard !Self.isObject(text) else {
            content = .given([text], next: 0)
            return
        }
        var objects: [[UInt8]] = []
        for (index, line) in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            guard line.contains(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }) else { continue }
            guard Self.isObject(Array(line)) else {
                throw Failure(.error, "\(file): line \(index + 1) is not a JSON object")
            }
            objects.append(Array(line))
        }
        guard !objects.isEmpty else { throw Failure(.error, "\(file): there is no JSON object in it") }
        content = .given(objects, next: 0)
    }

    private static func isObject(_ text: [UInt8]) -> Bool {
        (try? JSONValue.object(text)) != nil
    }

    mutating func addAppend(to cycle: inout CommandCycle, _ names: AggregateNames) {
        let (category, type, data) = next(names)
        let words = ["EV.APPEND", names.categories[category], names.first(of: category), type].map { Array($0.utf8) }
        cycle.add(words + [data], aggregate: 2, category: category)
    }

    /// The next event: the place of its category among the names, its type and its data.
    mutating func next(_ names: AggregateNames) -> (category: Int, type: String, data: [UInt8]) {
        switch content {
        case .given(let objects, let next):
            content = .given(objects, next: (next + 1) % objects.count)
            return (next % names.categories.count, Self.type, objects[next])
        case .generated(var generator):
            line.removeAll(keepingCapacity: true)
            generator.appendLine(to: &line)
            line.removeLast()
            content = .generated(generator)
            do {
                let event = try EventLine.event(line)
                return (names.categories.firstIndex(of: event.category) ?? 0, event.eventType, event.data)
            } catch {
                preconditionFailure("the generator writes what import reads: \(error)")
            }
        }
    }
}
