// Owns: the boundary where errors of the layers below become the store's.

import Disk
import EventModel
import EventRecords
import Reducers
import SegmentLog

extension StoreError {
    init(_ error: LogError) {
        switch error {
        case _ where error.isNoSpace: self.init(.noSpace, "\(error)")
        case .corrupt(let ids, let reason):
            self.init(.corrupt, ids: [EventID(ids.lowerBound), EventID(ids.upperBound)], reason)
        case .later(let ids, let reason):
            self.init(.later, ids: [EventID(ids.lowerBound), EventID(ids.upperBound)], "of a later version: \(reason)")
        case .ended(.timeUp): self.init(.budget, "the question took longer than limits.query_seconds allow")
        // Whether the store takes more appends is for its writer to say.
        default: self.init(.other, "\(error)")
        }
    }

    init(_ error: ReducerError, reducer: String, at id: EventID?) {
        let place = id.map { " at event \($0)" } ?? ""
        let code: Code =
            switch error {
            case .budget: .budget
            default: .other
            }
        self.init(code, "reducer \(reducer)\(place): \(error)")
    }
}

/// Runs an operation of the log and turns its error into the store's.
func inLog<Value>(_ operation: () throws(LogError) -> Value) throws(StoreError) -> Value {
    do {
        return try operation()
    } catch {
        throw StoreError(error)
    }
}
