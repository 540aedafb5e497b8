// Owns: the commands of one connection, encoded ahead of time and sent round and round, each time about other
// aggregates: only the digits of their names are written anew.

import EventWire

struct CommandCycle: Sendable {
    /// The digits of an aggregate's number, and whose number it is.
    private struct Name {
        let offset: Int
        let category: Int
    }

    private let digits: Int
    private var names: [Name] = []
    /// Where each unit ends in `bytes`, and in `names`.
    private var byteEnds: [Int] = []
    private var nameEnds: [Int] = []
    private var next = 0

    private(set) var bytes: [UInt8] = []
    /// Units are what is sent and answered as a whole: a command, or a transaction.
    var units: Int { byteEnds.count }

    init(_ names: AggregateNames) {
        digits = names.digits
    }

    /// Adds a command to the unit that is being made.
    mutating func add(_ words: [[UInt8]]) {
        var encoder = CommandEncoder()
        encoder.command(words)
        bytes += encoder.bytes
    }

    /// Adds a command that names an aggregate in one of its words, as number 0 of its category.
    mutating func add(_ words: [[UInt8]], aggregate: Int, category: Int) {
        let begin = bytes.count
        add(words)
        // A category may look like an aggregate, and then stands before it; but it is shorter.
        guard let range = bytes[begin...].firstRange(of: words[aggregate] + [13, 10]) else {
            preconditionFailure("a command holds its words")
        }
        names.append(Name(offset: range.upperBound - 2 - digits, category: category))
    }

    mutating func endUnit() {
        byteEnds.append(bytes.count)
        nameEnds.append(names.count)
    }

    /// Makes the next units ready, up to so many of them and at least one. They lie in a row in `bytes`, unchanged until
    /// this is called again.
    mutating func take(_ limit: Int, _ numbers: inout AggregateNumbers) -> (units: Int, bytes: Range<Int>) {
        let end = min(next + limit, units)
        let taken = end - next
        let range = (next == 0 ? 0 : byteEnds[next - 1])..<byteEnds[end - 1]
        let named = names[(next == 0 ? 0 : nameEnds[next - 1])..<nameEnds[end - 1]]
        bytes.withUnsafeMutableBufferPointer { bytes in
            for name in named {
                var rest = numbers.next(name.category)
                for index in stride(from: name.offset + digits - 1, through: name.offset, by: -1) {
                    bytes[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                    rest /= 10
                }
            }
        }
        next = end == units ? 0 : end
        return (taken, range)
    }
}
