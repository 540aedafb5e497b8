// Owns: the events that a load appends: made up, or data from a file.

import EventModel
import EventNDJSON

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
