// Owns: what is demanded of a log: of what it has recovered, and of every read.

import DiskSimulation
import SegmentLog

extension Life {
    /// Judges what a recovery has found, and takes it for what the log has promised from then on.
    mutating func judge(_ generation: inout Generation) throws(LogError) {
        if !mayHaveHoles, !generation.report.damage.isEmpty {
            violations.append("damage is reported: \(generation.report.notes)")
        }
        var expected = known
        if let underWay { expected.append(underWay) }
        let found = try scan(LogQuery(), expected.records, &generation)
        guard violations.isEmpty else { return }
        if found > known.records.count, found < expected.records.count {
            violations.append("half a commit was recovered: up to \(expected.records[found - 1].id)")
        } else if found < known.records.count {
            violations.append(
                "recovered \(found) records up to \(generation.log.view.tail), acknowledged \(known.records.count)"
            )
        }
        judgeControls(generation, expected)
        // Of a commit that has no event only what it says of the store can tell whether it is there.
        let isThere =
            found > known.records.count
            || found == expected.records.count
                && (underWay.map { $0.isSaid(by: generation.log.controls) } ?? true)
        if isThere { known = expected }
        underWay = nil
        let tail = generation.log.view.tail
        if violations.isEmpty, !mayHaveHoles, tail != known.lastID {
            violations.append("the tail is \(tail), the last record \(known.lastID)")
        }
        if let violation = generation.ladder.violation(known, tail: tail) { violations.append(violation) }
    }

    /// The last word on each subject is what was acknowledged last, or what the commit under way was saying. Damage may cost
    /// it; then an older word counts, or none, but never one that was not said.
    private mutating func judgeControls(_ generation: Generation, _ expected: KnownLog) {
        let state = generation.log.controls
        if mayHaveHoles {
            for control in state.current {
                let said = KnownControl(subject: control.subject, payload: control.payload)
                if !known.said.contains(said) { violations.append("nobody said \(control)") }
            }
        } else if !known.agrees(with: state), !expected.agrees(with: state) {
            violations.append("the store says of itself \(state.current), promised is \(known.controls)")
        }
    }

    /// A query must give exactly what it should, save what it refuses by name.
    mutating func check(_ query: LogQuery, _ keys: KnownKeys, _ generation: inout Generation) throws(LogError) {
        let expected = known.matches(query, holding: keys)
        let found = try scan(query, expected, &generation)
        if violations.isEmpty, found < expected.count {
            violations.append("a read ends before \(expected[found].id): \(query)")
        }
    }

    /// Runs a query and goes on behind what it refuses. Returns how many of the expected records, in order, were given or
    /// refused.
    private mutating func scan(
        _ query: LogQuery,
        _ expected: [KnownRecord],
        _ generation: inout Generation
    ) throws(LogError) -> Int {
        var query = query
        var next = 0
        while true {
            do throws(LogError) {
                try scan(query, expected, from: &next, generation.log.view)
                return next
            } catch {
                guard case .corrupt(let ids, _) = error, mayHaveHoles else { throw error }
                generation.holes.append(ids)
                tally.holes += 1
                let rest = expected[next...]
                let before = rest.prefix { query.reversed ? $0.id > ids.upperBound : $0.id < ids.lowerBound }
                if let passedOver = before.first {
                    violations.append("\(passedOver.id) is passed over before the hole \(ids): \(query)")
                }
                next += rest.prefix { query.reversed ? $0.id >= ids.lowerBound : $0.id <= ids.upperBound }.count
                if query.reversed ? ids.lowerBound > query.through : ids.upperBound <= query.after {
                    violations.append("\(ids) is refused, which was not asked for: \(query)")
                    return next
                }
                if query.reversed {
                    guard ids.lowerBound.rawValue > 1 else { return next }
                    query.through = RecordID(ids.lowerBound.rawValue - 1)
                } else {
                    query.after = ids.upperBound
                }
            }
        }
    }

    private mutating func scan(
        _ query: LogQuery,
        _ expected: [KnownRecord],
        from next: inout Int,
        _ view: LogView
    ) throws(LogError) {
        var scan = LogScan(view, query)
        while let records = try scan.next() {
            for record in records {
                guard next < expected.count, expected[next].isSame(as: record) else {
                    let due = next < expected.count ? "\(expected[next].id)" : "nothing"
                    violations.append("a read gives \(record.id), due is \(due), or it differs: \(query)")
                    return
                }
                next += 1
            }
        }
    }

    /// A query with any bounds, in either direction.
    mutating func look(_ generation: inout Generation) throws(LogError) {
        let (query, keys) = anyQuery()
        try check(query, keys, &generation)
    }

    mutating func count(_ generation: inout Generation) throws(LogError) {
        var (query, keys) = anyQuery()
        query.reversed = false
        var scan = LogScan(generation.log.view, query)
        do throws(LogError) {
            let count = try scan.count()
            let expected = known.matches(query, holding: keys).count
            if count != expected { violations.append("counted \(count), there are \(expected): \(query)") }
        } catch {
            if case .corrupt(let ids, _) = error { generation.holes.append(ids) }
            throw error
        }
    }

    mutating func readAny(_ generation: inout Generation) throws(LogError) {
        try read(RecordID(UInt64.random(in: 0...known.lastID.rawValue + 2, using: &random)), &generation)
    }

    mutating func read(_ id: RecordID, _ generation: inout Generation) throws(LogError) {
        do throws(LogError) {
            let record = try generation.log.view.record(id)
            let isRight = known[id].map { known in record.map(known.isSame) ?? false } ?? (record == nil)
            if !isRight { violations.append("the read of \(id) gives \(record.map { "\($0.id)" } ?? "nothing")") }
        } catch {
            if case .corrupt(let ids, _) = error {
                generation.holes.append(ids)
                if !ids.contains(id) { violations.append("the read of \(id) is refused for \(ids)") }
            }
            throw error
        }
    }

    mutating func lastRecorded(_ generation: Generation) throws(LogError) {
        let time = RecordTime(Int64.random(in: 990...clock + 5, using: &random))
        let found = try generation.log.view.last(recordedBy: time)
        let right = known.records.last { $0.recordedAt <= time }?.id ?? .zero
        guard found != right else { return }
        // What a hole holds cannot be told by time.
        let hidden = known.records[known.firstIndex(from: found.next)..<known.firstIndex(from: right.next)]
        if found > right || !hidden.allSatisfy({ record in generation.holes.contains { $0.contains(record.id) } }) {
            violations.append("by \(time.rawValue) the last was \(right), the log says \(found)")
        }
    }

    private mutating func anyQuery() -> (LogQuery, KnownKeys) {
        let keys = KnownKeys.random(&random)
        var query = LogQuery(keys: keys.expression)
        query.reversed = Bool.random(using: &random)
        let last = known.lastID.rawValue
        if Bool.random(using: &random) { query.after = RecordID(UInt64.random(in: 0...last + 1, using: &random)) }
        if Bool.random(using: &random) { query.through = RecordID(UInt64.random(in: 0...last + 1, using: &random)) }
        if Int.random(in: 0..<3, using: &random) == 0 {
            query.since = RecordTime(Int64.random(in: 0...2_000, using: &random))
        }
        if Int.random(in: 0..<3, using: &random) == 0 {
            query.until = RecordTime(Int64.random(in: 0...2_000, using: &random))
        }
        return (query, keys)
    }
}
