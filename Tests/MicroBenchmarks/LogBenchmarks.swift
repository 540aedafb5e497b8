// Owns: the log's own work: making a frame durable, sealing, reading blocks back, looking keys up. The files are real; what
// the kernel does with them is not counted.

import EventModel
import EventStore
import EventWire
import SegmentLog

extension Benchmark {
    static let log = [
        Benchmark(name: "commit", operation: "an event stamped, checksummed, written and indexed, in a frame of 1024") {
            let scratch = try ScratchLog(segmentBytes: 32 << 20)
            let buffer = try RecordBuffer(Sample(events: 1024))
            return Loop(operations: buffer.recordCount, bytes: buffer.byteCount) {
                try scratch.commit(buffer)
                return buffer.recordCount
            }
        },
        Benchmark(
            name: "seal",
            operation: "an event committed, indexed, moved from the raw segment to a sealed one, and compared",
            iterations: 1
        ) {
            let scratch = try ScratchLog(sealingLevel: LogOptions().sealingLevel)
            let buffer = try RecordBuffer(Sample(events: ScratchLog.segmentEvents))
            return Loop(operations: buffer.recordCount, bytes: buffer.byteCount) {
                try scratch.commit(buffer)
                try scratch.writer.roll()
                let isIndexed = try scratch.log.makeKeys()
                let isSealed = try scratch.log.sealOldest()
                precondition(isIndexed && isSealed, "a closed segment is indexed and sealed")
                return buffer.recordCount
            }
        },
        Benchmark(name: "read-blocks", operation: "an event of an inflated and decoded block", iterations: 1) {
            let scratch = try ScratchLog(cacheBytes: 0)
            try scratch.fillSealed(segments: 1)
            return scan(scratch) { records in records.reduce(0) { $0 + $1.bodyBytes } }
        },
        Benchmark(name: "replay", operation: "the same, and the event written as a reply", iterations: 1) {
            let scratch = try ScratchLog(cacheBytes: 0)
            try scratch.fillSealed(segments: 1)
            let sheet = ReplySheet()
            return scan(scratch) { records in
                try sheet.write { replies in
                    for record in records { try StoredEvent(record).withParts { replies.event($0) } }
                }
            }
        },
        Benchmark(
            name: "lookup-present",
            operation: "the one event of an aggregate, in four sealed segments, all cached"
        ) {
            try lookUp(ScratchLog(), shift: 0)
        },
        Benchmark(name: "lookup-absent", operation: "an aggregate that none of four sealed segments has, all cached") {
            try lookUp(ScratchLog(), shift: 10_000_000)
        },
        Benchmark(
            name: "lookup-uncached",
            operation: "the one event of an aggregate, in four sealed segments, nothing cached",
            iterations: 1
        ) {
            try lookUp(ScratchLog(cacheBytes: 0), shift: 0)
        },
        match(alternatives: 1),
        match(alternatives: 2),
        match(alternatives: 10),
        match(alternatives: 1000),
    ]

    /// Goes through cached blocks with a filter of so many alternatives, of which each asks for two tags that lie in the same
    /// blocks and in no event.
    private static func match(alternatives count: Int) -> Benchmark {
        Benchmark(
            name: "match-\(count)",
            operation: "an event with two tags, asked whether it matches a filter of \(count) alternatives",
            iterations: 1
        ) {
            let scratch = try ScratchLog(segmentBytes: 4 << 20)
            try scratch.fillSealed(segments: 1, withOptions: true)
            func tag(_ name: String) -> KeyExpression.Clause { [KeyKind.tag.key(name)] }
            var pairs: [[KeyExpression.Clause]] = []
            for one in 0..<20 {
                for other in one + 1..<20 { pairs.append([tag("region-\(one)"), tag("region-\(other)")]) }
            }
            for number in 0..<1000 {
                pairs.append([tag("tenant-\(number % 500)"), tag("tenant-\((number * 7 + 1 + number / 500) % 500)")])
            }
            let query = LogQuery(keys: KeyExpression(alternatives: Array(pairs.prefix(count))))
            return Loop(operations: ScratchLog.segmentEvents, bytes: Int(scratch.log.statistics.recordBytes)) {
                var scan = LogScan(scratch.log.view, query)
                var found = 0
                while let records = try scan.next() { found += records.count }
                return found
            }
        }
    }

    /// Reads everything, and gives the records of each block to `visit`.
    private static func scan(_ scratch: ScratchLog, _ visit: @escaping ([Record]) throws -> Int) -> Loop {
        let statistics = scratch.log.statistics
        return Loop(operations: ScratchLog.segmentEvents, bytes: Int(statistics.recordBytes)) {
            var scan = LogScan(scratch.log.view, LogQuery())
            var result = 0
            while let records = try scan.next() { result &+= try visit(records) }
            return result
        }
    }

    /// Looks for some aggregates, spread over all segments. `shift` is added to their numbers.
    private static func lookUp(_ scratch: ScratchLog, shift: Int) throws -> Loop {
        let (segments, lookups) = (4, 32)
        try scratch.fillSealed(segments: segments)
        let step = segments * ScratchLog.segmentEvents / lookups
        let keys = (0..<lookups).map { index in
            KeyKind.aggregate.key(Sample(events: 1, from: shift + index * step).aggregates[0])
        }
        return Loop(operations: lookups, bytes: keys.reduce(0) { $0 + $1.count }) {
            var found = 0
            for key in keys {
                var scan = LogScan(scratch.log.view, LogQuery(keys: KeyExpression(alternatives: [[[key]]])))
                while let records = try scan.next() { found += records.count }
            }
            precondition(found == (shift == 0 ? lookups : 0), "a look-up finds what is there, and nothing else")
            return found
        }
    }
}
