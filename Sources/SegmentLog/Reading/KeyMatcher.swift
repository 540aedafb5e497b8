// Owns: matching records against a key expression, at a cost for each record that does not grow with the number of
// alternatives: a record tries only those that one of its own keys leads to.
//
// Every alternative is listed under the keys of one of its clauses, its anchor: the one whose keys the fewest other clauses
// name, and among equals the one whose keys lead to the fewest alternatives so far. A record without a key of that clause cannot
// match the alternative and does not meet it.

import Synchronization

/// A key expression at work on records, one after the other. Not to be shared between threads; the table behind it is.
package struct KeyMatcher {
    private enum Rule {
        case everything
        case key([UInt8])
        case table(KeyTable)
    }

    private let rule: Rule
    /// For each key of the table the number of the record that had it last.
    private var lastRecords: [UInt32] = []
    private var record: UInt32 = 0
    /// Keys of the table that the record at hand has.
    private var held: [Int] = []

    package init(_ expression: KeyExpression) {
        if let table = expression.table {
            rule = .table(table)
            if table.hasConjunctions { lastRecords = Array(repeating: 0, count: table.keyCount) }
        } else if let key = expression.soleKey {
            rule = .key(key)
        } else {
            rule = .everything
        }
    }

    /// Whether a record with this body matches: a body that is malformed has the keys up to there.
    package mutating func matches(_ body: UnsafeRawBufferPointer) -> Bool {
        switch rule {
        case .everything: true
        case .key(let key): key.withUnsafeBytes { RecordBody.hasKey($0, body) }
        case .table(let table): matches(body, table)
        }
    }

    private mutating func matches(_ body: UnsafeRawBufferPointer, _ table: KeyTable) -> Bool {
        guard var keysLeft = body.first else { return false }
        if record == .max {
            for key in lastRecords.indices { lastRecords[key] = 0 }
            record = 0
        }
        record += 1
        held.removeAll(keepingCapacity: true)
        var offset = 1
        while keysLeft > 0, offset < body.count {
            let end = offset + 2 + Int(body[offset])
            guard end <= body.count else { break }
            if let key = table.number(of: UnsafeRawBufferPointer(rebasing: body[offset + 1..<end])) {
                if table.suffices(key) { return true }
                if table.hasConjunctions, lastRecords[key] != record {
                    lastRecords[key] = record
                    held.append(key)
                }
            }
            offset = end
            keysLeft -= 1
        }
        return held.contains { key in
            table.alternatives(at: key).contains { alternative in
                table.isMet(alternative, by: held) { lastRecords[$0] == record }
            }
        }
    }
}

/// The keys and the alternatives of an expression, by number. Immutable.
final class KeyTable: Sendable {
    private struct Slot {
        var fingerprint: UInt64
        /// The number of the key; nowhere where the slot is free.
        var key: UInt32
    }

    private static let nowhere = UInt32.max

    private let seed: UInt64
    /// By length and last byte, both modulo 64, whether there is a key of the kind: most keys of a record differ from all of the
    /// expression's in that.
    private let kinds: [UInt64]
    private let slots: [Slot]
    /// Where the bytes of a key end in the arena; they begin where those of the key before it end.
    private let ends: [Int]
    private let arena: [UInt8]
    /// By key: whether several clauses name it.
    private let repeated: [Bool]
    /// Keys that an alternative asks for, and nothing else.
    private let sufficient: [Bool]
    /// By key: the alternatives that it leads to, but for those that ask for nothing else.
    private let anchored: Lists
    /// By alternative: its clauses but for the anchor.
    private let further: Lists
    /// By clause: its keys, in order.
    private let clauses: Lists

    var keyCount: Int { ends.count }
    /// Whether an alternative asks for several keys at once.
    let hasConjunctions: Bool

    init(_ alternatives: [[KeyExpression.Clause]]) {
        var keys = Builder(capacity: alternatives.reduce(0) { $0 + $1.reduce(0) { $0 + $1.count } })
        // By number, each once, in order.
        let numbered = alternatives.map { $0.map { keys.numbers(of: $0) } }
        var namings = [Int](repeating: 0, count: keys.count)
        for alternative in numbered {
            for clause in alternative { for key in clause { namings[key] += 1 } }
        }
        var sufficient = [Bool](repeating: false, count: keys.count)
        // How many alternatives each key leads to so far, and which.
        var loads = [Int](repeating: 0, count: keys.count)
        var leads: [(list: Int, number: Int)] = []
        var (further, clauses) = (Lists(), Lists())
        // A clause without keys is met by nothing, and neither is its alternative.
        for alternative in numbered where !alternative.contains([]) {
            func weight(_ clause: [Int]) -> (Int, Int, Int) {
                (clause.lazy.map { namings[$0] }.max() ?? 0, clause.lazy.map { loads[$0] }.max() ?? 0, clause.count)
            }
            let indices = alternative.indices
            guard let anchor = indices.min(by: { weight(alternative[$0]) < weight(alternative[$1]) }) else { continue }
            for key in alternative[anchor] {
                if indices.count == 1 {
                    sufficient[key] = true
                } else {
                    loads[key] += 1
                    leads.append((key, further.count))
                }
            }
            guard indices.count > 1 else { continue }
            further.append(clauses.count..<clauses.count + indices.count - 1)
            for index in indices where index != anchor { clauses.append(alternative[index]) }
        }
        seed = keys.seed
        kinds = keys.kinds
        slots = keys.slots
        ends = keys.ends
        arena = keys.arena
        repeated = namings.map { $0 > 1 }
        self.sufficient = sufficient
        anchored = Lists(leads, count: keys.count)
        hasConjunctions = further.count > 0
        self.further = further
        self.clauses = clauses
    }

    /// The number of a key of 1 to 256 bytes; nil where the expression does not name it.
    func number(of key: UnsafeRawBufferPointer) -> Int? {
        guard kinds[key.count & 63] >> (UInt64(key[key.count - 1]) & 63) & 1 != 0 else { return nil }
        let slot = slots[Self.place(of: key, KeyFingerprint.of(key, seed: seed), in: slots, ends, arena)]
        return slot.key == Self.nowhere ? nil : Int(slot.key)
    }

    /// The number of a key that several clauses name; nil for any other.
    func repeatedNumber(of key: [UInt8]) -> Int? {
        key.withUnsafeBytes { number(of: $0) }.flatMap { repeated[$0] ? $0 : nil }
    }

    func suffices(_ key: Int) -> Bool { sufficient[key] }

    func alternatives(at key: Int) -> ArraySlice<Int> { anchored[key] }

    /// Whether a record with these keys meets the clauses of an alternative, but for its anchor.
    func isMet(_ alternative: Int, by held: [Int], _ isHeld: (Int) -> Bool) -> Bool {
        further[alternative].allSatisfy { clause in
            let keys = clauses[clause]
            // The shorter way: the keys of the clause among those of the record, or the other way round.
            guard keys.count > 8 * held.count else { return keys.contains(where: isHeld) }
            return held.contains { key in
                var (low, high) = (keys.startIndex, keys.endIndex)
                while low < high {
                    let middle = (low + high) / 2
                    if keys[middle] < key { low = middle + 1 } else { high = middle }
                }
                return low < keys.endIndex && keys[low] == key
            }
        }
    }

    /// The slot of a key, or the free one where it would stand.
    private static func place(
        of key: UnsafeRawBufferPointer,
        _ fingerprint: UInt64,
        in slots: [Slot],
        _ ends: [Int],
        _ arena: [UInt8]
    ) -> Int {
        let mask = slots.count - 1
        var place = Int(truncatingIfNeeded: fingerprint) & mask
        while slots[place].key != nowhere {
            if slots[place].fingerprint == fingerprint {
                let number = Int(slots[place].key)
                let start = number == 0 ? 0 : ends[number - 1]
                let isSame = arena.withUnsafeBytes {
                    KeyOrder.equal(UnsafeRawBufferPointer(rebasing: $0[start..<ends[number]]), key)
                }
                if isSame { return place }
            }
            place = (place + 1) & mask
        }
        return place
    }

    /// Numbers in lists, one list behind the other: a few allocations, however many lists.
    private struct Lists {
        private var numbers: [Int] = []
        private var ends: [Int] = []

        init() {}

        /// So many lists, of the numbers that stand with theirs, in that order.
        init(_ pairs: [(list: Int, number: Int)], count: Int) {
            ends = Array(repeating: 0, count: count)
            for pair in pairs { ends[pair.list] += 1 }
            var start = 0
            var next: [Int] = []
            for list in ends.indices {
                next.append(start)
                start += ends[list]
                ends[list] = start
            }
            numbers = Array(repeating: 0, count: pairs.count)
            for pair in pairs {
                numbers[next[pair.list]] = pair.number
                next[pair.list] += 1
            }
        }

        var count: Int { ends.count }

        mutating func append(_ list: some Sequence<Int>) {
            numbers.append(contentsOf: list)
            ends.append(numbers.count)
        }

        subscript(list: Int) -> ArraySlice<Int> { numbers[(list == 0 ? 0 : ends[list - 1])..<ends[list]] }
    }

    /// Gives each different key its number.
    private struct Builder {
        let seed = KeyFingerprint.seed
        var kinds = [UInt64](repeating: 0, count: 64)
        var slots: [Slot]
        var ends: [Int] = []
        var arena: [UInt8] = []

        var count: Int { ends.count }

        /// For so many keys at most.
        init(capacity: Int) {
            var size = 8
            while size < 2 * capacity { size *= 2 }
            slots = Array(repeating: Slot(fingerprint: 0, key: nowhere), count: size)
        }

        /// Each once, in order.
        mutating func numbers(of clause: KeyExpression.Clause) -> [Int] {
            clause.count == 1 ? [number(of: clause[0])] : Set(clause.map { number(of: $0) }).sorted()
        }

        private mutating func number(of key: [UInt8]) -> Int {
            key.withUnsafeBytes { bytes in
                let fingerprint = KeyFingerprint.of(bytes, seed: seed)
                let place = KeyTable.place(of: bytes, fingerprint, in: slots, ends, arena)
                guard slots[place].key == nowhere else { return Int(slots[place].key) }
                slots[place] = Slot(fingerprint: fingerprint, key: UInt32(ends.count))
                kinds[key.count & 63] |= 1 << (UInt64(key[key.count - 1]) & 63)
                arena += key
                ends.append(arena.count)
                return ends.count - 1
            }
        }
    }
}

/// A hash of keys for tables in memory, which nobody can foresee who chooses keys; the one of the format is `KeyHash`.
enum KeyFingerprint {
    /// The same throughout the process.
    static let seed: UInt64 = {
        var hasher = Hasher()
        hasher.combine(0)
        return UInt64(truncatingIfNeeded: hasher.finalize())
    }()

    @inline(__always)
    static func of(_ key: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
        var hash = seed ^ UInt64(truncatingIfNeeded: key.count) &* 0x9E37_79B9_7F4A_7C15
        var offset = 0
        while offset + 8 <= key.count {
            hash = mixed(hash ^ key.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
        var rest: UInt64 = 0
        while offset < key.count {
            rest = rest << 8 | UInt64(key[offset])
            offset += 1
        }
        return mixed(hash ^ rest)
    }

    @inline(__always)
    private static func mixed(_ value: UInt64) -> UInt64 {
        let product = value.multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
        return product.high ^ product.low
    }
}

/// A table that is made when somebody first asks for it, and shared.
final class LazyKeyTable: Sendable {
    private let made = Mutex<KeyTable?>(nil)

    func table(of alternatives: [[KeyExpression.Clause]]) -> KeyTable {
        made.withLock { made in
            if let made { return made }
            let table = KeyTable(alternatives)
            made = table
            return table
        }
    }
}
