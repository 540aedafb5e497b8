// Owns: how a filter in the words of events becomes a query in the words of the log.

import EventModel
import EventRecords
import Reducers
import SegmentLog

extension KeyExpression {
    init(_ alternatives: [Criteria]) {
        self.init(alternatives: alternatives.map(\.clauses))
    }

    /// The events of this expression that also reach a reducer.
    func restricted(to selection: ReducerSelection) -> KeyExpression {
        let clauses = Criteria(
            categories: selection.categories,
            aggregates: selection.aggregates,
            types: selection.types,
            tags: selection.tags
        ).clauses
        guard !clauses.isEmpty else { return self }
        return KeyExpression(alternatives: alternatives.isEmpty ? [clauses] : alternatives.map { $0 + clauses })
    }
}

extension Criteria {
    fileprivate var clauses: [KeyExpression.Clause] {
        var clauses: [KeyExpression.Clause] = []
        if !categories.isEmpty { clauses.append(categories.map(KeyKind.category.key)) }
        if !aggregates.isEmpty { clauses.append(aggregates.map(KeyKind.aggregate.key)) }
        if !types.isEmpty { clauses.append(types.map(KeyKind.type.key)) }
        clauses += tags.map { [KeyKind.tag.key($0)] }
        return clauses
    }
}

extension LogQuery {
    /// The filter over a view, `ASOF` resolved to the last id that was known by then. Throws `position` where a position lies
    /// beyond the tail.
    init(_ filter: Filter, in view: LogView, reversed: Bool = false) throws(StoreError) {
        var through = RecordID.maximum
        if let after = filter.after { try view.require(after) }
        if let before = filter.before {
            // One behind the last is a bound that leaves nothing out.
            if let last = before.predecessor, last > EventID(view.tail) { try view.require(before) }
            through = RecordID(before.predecessor ?? .zero)
        }
        if let asOf = filter.asOf {
            through = min(through, try view.bound(asOf, skippingDamage: filter.skipsDamage))
        }
        self.init(
            keys: KeyExpression(filter.alternatives),
            after: RecordID(filter.after ?? .zero),
            through: through,
            since: filter.since.map { RecordTime($0) } ?? .minimum,
            until: filter.until.map { RecordTime($0) } ?? .maximum,
            reversed: reversed,
            skipsDamage: filter.skipsDamage
        )
    }
}

extension LogView {
    /// Throws `position` where the log has not come so far.
    func require(_ position: EventID) throws(StoreError) {
        let tail = EventID(tail)
        guard position <= tail else { throw StoreError(position: position, beyond: tail) }
    }

    /// The last id that the store can have known by then.
    func bound(_ asOf: AsOf, skippingDamage: Bool) throws(StoreError) -> RecordID {
        switch asOf {
        case .id(let id):
            try require(id)
            return RecordID(id)
        case .time(let time):
            return try inLog { () throws(LogError) in
                try bound(recordedBy: RecordTime(time), skippingDamage: skippingDamage)
            }
        }
    }
}
