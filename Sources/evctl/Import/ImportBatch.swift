// Owns: the lines that are appended together, and appending them: in one transaction, and where the store refuses that,
// in halves, down to the line that it is about. Halves go in order and one after the other, so that nothing behind a
// refused line is in the store before somebody has decided what becomes of that line.
// Refuses to know: where lines come from, and what is said of a refused one.

import EventModel
import EventStoreClient

struct ImportBatch: Sendable {
    typealias Append = @Sendable ([NewEvent]) async throws(ClientError) -> [AppendReceipt]

    /// So large that what it costs to wait for each is little beside the work, where other programs want the processor too.
    static let usualEvents = 4096
    private static let maximumBytes = 2 << 20

    private let maximumEvents: Int
    private(set) var events: [NewEvent] = []
    /// Of each event: behind its line.
    private(set) var positions: [InputPosition] = []
    private var bytes = 0

    init(maximumEvents: Int) {
        self.maximumEvents = maximumEvents
    }

    /// Whether there is room for one more. A large event goes alone. Those with an identifier and those without are no
    /// transaction together: it would be known again by the former, and the latter are to be new each time.
    func hasRoom(for event: NewEvent) -> Bool {
        guard let last = events.last else { return true }
        return events.count < maximumEvents && bytes + Self.bytes(of: event) <= Self.maximumBytes
            && (last.identifier == nil) == (event.identifier == nil)
    }

    mutating func add(_ event: NewEvent, at position: InputPosition) {
        events.append(event)
        positions.append(position)
        bytes += Self.bytes(of: event)
    }

    private static func bytes(of event: NewEvent) -> Int {
        event.data.count + (event.metadata?.count ?? 0)
    }

    /// Appends all, up to the first that is refused; with `keepsGoing`, all that are not.
    func settle(keepsGoing: Bool, append: Append) async -> ImportSettlement {
        var settlement = ImportSettlement()
        var open = events.isEmpty ? [] : [events.indices]
        while let range = open.popLast() {
            do throws(ClientError) {
                settlement.receipts += try await append(Array(events[range]))
                settlement.done = positions[range.upperBound - 1]
            } catch {
                if case .store(let reason) = error, reason.code.isAboutTheEvent {
                    if range.count > 1 {
                        let middle = range.lowerBound + range.count / 2
                        open += [middle..<range.upperBound, range.lowerBound..<middle]
                        continue
                    }
                    if keepsGoing {
                        settlement.done = positions[range.lowerBound]
                        settlement.refusals.append((positions[range.lowerBound].lines, reason))
                        continue
                    }
                }
                let lines = positions[range.lowerBound].lines...positions[range.upperBound - 1].lines
                settlement.ending = ImportEnding(lines: lines, error: error)
                break
            }
        }
        return settlement
    }
}

/// What became of a batch.
struct ImportSettlement: Sendable {
    /// Of the lines that are in the store, in their order.
    var receipts: [AppendReceipt] = []
    /// Lines that were left out.
    var refusals: [(line: UInt64, error: StoreError)] = []
    /// Behind the last line that is in the store or left out; nil where there is none.
    var done: InputPosition?
    /// What ended it before its end.
    var ending: ImportEnding?
}

/// Why an import ended: an error about some lines, none of which has been appended unless the outcome is unknown.
struct ImportEnding: Error, CustomStringConvertible {
    let lines: ClosedRange<UInt64>
    let error: ClientError

    var place: String {
        lines.count == 1 ? "line \(lines.lowerBound)" : "lines \(lines.lowerBound) to \(lines.upperBound)"
    }

    var description: String {
        "\(place): \(error)"
    }
}

extension StoreError.Code {
    /// Whether the store refused this event and would take another; else it takes none.
    fileprivate var isAboutTheEvent: Bool {
        switch self {
        case .invalid, .tooBig, .conflict, .reused, .noPermission: true
        case .notFound, .position, .noSpace, .loading, .corrupt, .later, .failed, .budget, .lagging, .other: false
        }
    }
}
