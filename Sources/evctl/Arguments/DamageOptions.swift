// Owns: `--skip-damage`, and telling whoever gave it what was left out.

import ArgumentParser
import EventModel
import EventNDJSON
import EventStoreClient

struct DamageOptions: ParsableArguments {
    @Flag(help: "Pass over events that are damaged on disk, and name them on standard error (default: stop, exit 6).")
    var skipDamage = false
}

extension GlobalOptions {
    /// Names the events that a listing over the filter may have left out, as far as the daemon knows by now.
    func noteSkipped(_ filter: Filter, _ client: EventStoreClient, _ invocation: Invocation) async throws {
        guard filter.skipsDamage, !quiet else { return }
        for ids in SkippedDamage.within(filter, try await client.damage()) {
            invocation.note(SkippedDamage.sentence(ids))
        }
    }

    /// Names the events that a folded state says it lacks.
    func noteLacking(in json: [UInt8], _ invocation: Invocation) throws {
        guard !quiet, let lacking = try Report(json).value("lacking") else { return }
        for range in try JSONValue.array(lacking[...]) {
            let bounds = try JSONValue.array(range).compactMap(JSONValue.unsigned)
            guard bounds.count == 2, bounds[0] <= bounds[1] else { continue }
            invocation.note(SkippedDamage.sentence(EventID(bounds[0])...EventID(bounds[1])))
        }
    }
}

enum SkippedDamage {
    /// The part of the damage that lies within the bounds of a filter.
    static func within(_ filter: Filter, _ damage: [ClosedRange<EventID>]) -> [ClosedRange<EventID>] {
        guard let first = (filter.after ?? .zero).successor else { return [] }
        var last = filter.before.map { $0.predecessor ?? .zero } ?? EventID(.max)
        if case .id(let id) = filter.asOf { last = min(last, id) }
        guard first <= last else { return [] }
        return damage.filter { $0.overlaps(first...last) }.map { $0.clamped(to: first...last) }
    }

    static func sentence(_ ids: ClosedRange<EventID>) -> String {
        "events \(ids.lowerBound) to \(ids.upperBound) are damaged and left out"
    }
}
