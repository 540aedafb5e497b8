// Owns: the small store that is damaged in every way there is, and the look at everything in it afterwards.

import DiskSimulation
import SegmentLog

extension Life {
    /// Makes two sealed segments, two closed ones with their key files and an active one that a marker proves durable, and three
    /// snapshots.
    static let smallStore: [Action] = [
        .append, .append, .append, .snapshot, .roll, .append, .append, .snapshot, .roll, .seal, .seal, .replenish,
        .append, .say, .append, .snapshot, .roll, .index, .append, .say, .append, .roll, .append, .index, .say, .append,
        .mark,
    ]

    /// A small store after each of these actions, its process killed.
    static func grown(by actions: [Action]) -> [Life] {
        var life = Life(segmentBytes: 16 << 10, spareFiles: 0)
        guard var generation = (try? life.open(.calm)).map(Generation.init) else { return [] }
        return actions.map { action in
            life.act([action], &generation, .calm)
            let killed = life.copy()
            killed.disk.restartProcess()
            return killed
        }
    }

    enum Look {
        case refused
        case opened(recordsRefused: Int, framesRefused: Int, isTold: Bool)
    }

    /// Reads everything in every way there is, checks it, and goes on.
    mutating func lookAtEverything() -> Look {
        do throws(LogError) {
            var generation = Generation(try open(.calm))
            try judge(&generation)
            for keys in KnownKeys.every {
                for reversed in [false, true] {
                    try check(LogQuery(keys: keys.expression, reversed: reversed), keys, &generation)
                }
            }
            for id in 0...known.lastID.rawValue + 1 { try? read(RecordID(id), &generation) }
            let verification = try generation.log.verify()
            func isRefused(_ record: KnownRecord) -> Bool { generation.holes.contains { $0.contains(record.id) } }
            let refused = known.records.count(where: isRefused)
            let frames = known.frames.count { $0.records.contains(where: isRefused) }
            if refused > 0, verification.isClean { violations.append("verify finds nothing") }
            compareDamage(generation)
            let isTold = !verification.isClean || !generation.notes.isEmpty
            try append(&generation, isSmall: true)
            try check(LogQuery(), .none, &generation)
            return .opened(recordsRefused: refused, framesRefused: frames, isTold: isTold)
        } catch {
            if !mayRefuse(error) { violations.append("\(error)") }
            return .refused
        }
    }
}
