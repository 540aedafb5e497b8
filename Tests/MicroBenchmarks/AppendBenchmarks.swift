// Owns: the path of an append on its event loop, stage by stage. Each benchmark does what the one before it does and one
// thing more, so that the difference is the cost of that thing, and no stage is torn from how the server calls it.

import EventModel
import EventRecords
import EventStore
import EventWire
import SegmentLog

extension Benchmark {
    static let append = [
        Benchmark(name: "append-find", operation: "an EV.APPEND without options found in one pass") { try loop(.find) },
        Benchmark(name: "append-plain", operation: "and checked and staged: what most appends cost a loop") {
            try loop(.plain)
        },
        Benchmark(name: "append-decode", operation: "an EV.APPEND found in the bytes of a read") { try loop(.decode) },
        Benchmark(name: "append-parse", operation: "and its arguments read") { try loop(.parse) },
        Benchmark(name: "append-validate", operation: "and its event checked") { try loop(.validate) },
        Benchmark(name: "append-stage", operation: "and its record staged for the writer") { try loop(.stage) },
        Benchmark(name: "append-options", operation: "the same of an event with every option") {
            try loop(.stage, withOptions: true)
        },
    ]

    private static func loop(_ stage: AppendPath.Stage, withOptions: Bool = false) throws -> Loop {
        let sample = Sample(events: 1024, withOptions: withOptions)
        let path = AppendPath()
        return Loop(operations: sample.count, bytes: sample.wire.count) { try path.run(sample.wire, through: stage) }
    }
}

/// What a connection and its event loop do with a burst of appends.
private final class AppendPath {
    enum Stage {
        case find, plain, decode, parse, validate, stage
    }

    /// Nil only while a burst is being worked through.
    private var decoder: RESPDecoder? = RESPDecoder()
    private let validator = EventValidator(limits: EventLimits())
    private let sink = NoSink()
    private var batchBytes = 4096

    func run(_ wire: [UInt8], through stage: Stage) throws -> Int {
        guard var decoder = decoder.take() else { preconditionFailure("one burst at a time") }
        let batch = AppendBatch(sink: sink, capacity: batchBytes)
        var result = 0
        if stage == .find || stage == .plain {
            batch.appendPlain(by: self) { result = runPlain(wire, isStaged: stage == .plain, $0) }
            batchBytes = max(batchBytes, batch.byteCount)
            self.decoder = consume decoder
            return result
        }
        try wire.withUnsafeBytes { wire in
            var consumed = 0
            while case .command(let arguments, let count) = try decoder.next(
                UnsafeRawBufferPointer(rebasing: wire[consumed...])
            ) {
                consumed += count
                result += arguments.count
                if stage == .decode { continue }
                guard CommandParser.isAppend(arguments) else { preconditionFailure("the sample holds nothing else") }
                let request = try AppendRequest(arguments)
                result += request.event.data.count
                if stage == .parse { continue }
                try validator.check(request.event)
                if stage == .validate { continue }
                batch.append(request.event, by: self, unless: request.unless)
            }
            precondition(consumed == wire.count, "the sample holds whole commands")
        }
        // As a loop's next batch takes the size of its last.
        batchBytes = max(batchBytes, batch.byteCount)
        self.decoder = consume decoder
        return result + batch.byteCount
    }
}

extension AppendPath {
    fileprivate func runPlain(_ wire: [UInt8], isStaged: Bool, _ buffer: RecordBuffer) -> Int {
        wire.withUnsafeBytes { wire in
            var (consumed, result) = (0, 0)
            while let next = PlainAppend(
                front: UnsafeRawBufferPointer(rebasing: wire[consumed...]),
                limits: WireLimits()
            ) {
                consumed += next.wireBytes
                result += next.data.count
                guard isStaged else { continue }
                precondition(validator.accepts(data: next.data), "the sample is JSON")
                buffer.append(
                    category: next.category,
                    aggregateID: next.aggregateID,
                    eventType: next.eventType,
                    data: next.data
                )
            }
            precondition(consumed == wire.count, "the sample holds whole commands")
            return result
        }
    }
}

private final class NoSink: AppendSink {
    func complete(_ batches: [AppendBatch]) {}
}
