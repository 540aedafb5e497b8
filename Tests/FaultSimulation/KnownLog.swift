// Owns: what a log has promised: every record that it has acknowledged, or shown to a reader, as it must be given back for
// ever.

import Glibc
import SegmentLog

/// A record as it was handed in, and what the commit made of it.
struct KnownRecord {
    let id: RecordID
    let time: RecordTime
    let recordedAt: RecordTime
    /// Keys and payload in the layout of a record's body.
    let body: [UInt8]
    /// Decides which keys it has.
    let number: Int

    func isSame(as record: Record) -> Bool {
        id == record.id && time == record.time && recordedAt == record.recordedAt && record.withBody(isBody)
    }

    private func isBody(_ found: UnsafeRawBufferPointer) -> Bool {
        body.withUnsafeBytes { body in
            guard body.count == found.count, let ours = body.baseAddress, let theirs = found.baseAddress else {
                return body.count == found.count
            }
            return memcmp(ours, theirs, body.count) == 0
        }
    }
}

/// What the store has said of itself.
struct KnownControl: Hashable {
    let subject: [UInt8]
    let payload: [UInt8]
}

/// The records of one commit.
struct KnownFrame {
    var records: [KnownRecord]
    var controls: [KnownControl] = []

    var bytes: Int { records.reduce(0) { $0 + $1.body.count } }

    /// Whether it says something, and all that is the last word on its subject. Of other subjects damage may have cost it.
    func isSaid(by state: ControlState) -> Bool {
        let last = Dictionary(controls.map { ($0.subject, $0.payload) }) { $1 }
        return !last.isEmpty && last.allSatisfy { state[$0.key]?.payload == $0.value }
    }
}

struct KnownLog {
    private(set) var frames: [KnownFrame] = []
    /// All records, in the order of their ids.
    private(set) var records: [KnownRecord] = []
    /// The last word on each subject.
    private(set) var controls: [[UInt8]: [UInt8]] = [:]
    /// Everything that was ever said, whether it was acknowledged or not.
    private(set) var said: Set<KnownControl> = []

    var lastID: RecordID { records.last?.id ?? .zero }
    var lastRecordedAt: RecordTime { records.last?.recordedAt ?? .minimum }

    mutating func append(_ frame: KnownFrame) {
        if !frame.records.isEmpty { frames.append(frame) }
        records += frame.records
        for control in frame.controls { controls[control.subject] = control.payload }
    }

    /// Notes what a commit is about to say.
    mutating func say(_ frame: KnownFrame) {
        said.formUnion(frame.controls)
    }

    /// Whether a state of control records is what this log has promised.
    func agrees(with state: ControlState) -> Bool {
        state.current.count == controls.count && state.current.allSatisfy { controls[$0.subject] == $0.payload }
    }

    subscript(id: RecordID) -> KnownRecord? {
        let index = firstIndex(from: id)
        return index < records.count && records[index].id == id ? records[index] : nil
    }

    /// The position of the first record whose id is `id` or greater.
    func firstIndex(from id: RecordID) -> Int {
        var low = 0
        var high = records.count
        while low < high {
            let middle = (low + high) / 2
            if records[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The records that a query must give back, in its order.
    func matches(_ query: LogQuery, holding number: KnownKeys) -> [KnownRecord] {
        let first = firstIndex(from: query.after.next)
        let found = records[first...].prefix { $0.id <= query.through }.filter {
            $0.time >= query.since && $0.time <= query.until && number.match($0.number)
        }
        return query.reversed ? found.reversed() : found
    }
}

/// The keys that records have, and queries that ask for them.
enum KnownKeys {
    /// No condition: every record.
    case none
    /// The key that every record has.
    case all
    /// The key that one record in five has.
    case fifth(Int)
    /// The key that few records have.
    case rare(Int)

    private static let rarity = 31

    static func of(_ number: Int) -> [[UInt8]] {
        [Self.all, .fifth(number % 5), .rare(number % rarity)].compactMap(\.bytes)
    }

    private var bytes: [UInt8]? {
        switch self {
        case .none: nil
        case .all: Array("all".utf8)
        case .fifth(let number): [UInt8(ascii: "f"), UInt8(number)]
        case .rare(let number): Array("rare-\(number)".utf8)
        }
    }

    func match(_ number: Int) -> Bool {
        switch self {
        case .none, .all: true
        case .fifth(let wanted): number % 5 == wanted
        case .rare(let wanted): number % Self.rarity == wanted
        }
    }

    var expression: KeyExpression {
        KeyExpression(alternatives: bytes.map { [[[$0]]] } ?? [])
    }

    /// One of each kind, and one that no record has.
    static let every: [KnownKeys] = [.none, .all, .fifth(2), .rare(1), .rare(rarity)]

    static func random(_ random: inout some RandomNumberGenerator) -> KnownKeys {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: .none
        case 1: .all
        case 2: .fifth(Int.random(in: 0..<5, using: &random))
        default: .rare(Int.random(in: 0..<rarity, using: &random))
        }
    }
}
