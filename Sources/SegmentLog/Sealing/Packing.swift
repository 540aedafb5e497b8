// Owns: packing the blocks of a sealed segment on as many threads as there are for it. A block is packed by whoever comes first: a
// thread of the crew, or the writer, which packs one rather than wait for another. So the bytes of a file do not depend on the
// crew, and one that does nothing costs no more than none.
// Refuses to know: what the threads are and how they wait, which is the crew's.

import Synchronization

/// Threads that pack blocks. May be used from any thread.
package protocol PackingCrew: Sendable {
    /// How many threads there are besides the one that asks.
    var width: Int { get }
    /// Has one of them run the task some time soon, or none of them.
    func take(_ task: PackingTask)
    /// Returns when the task is done, which one of them has begun.
    func wait(for task: PackingTask)
}

/// What a block holds, as it goes to the disk. It does not depend on where.
struct PackedContent: Sendable {
    let bytes: [UInt8]
    let codec: Codec
    let crc: UInt32
    let rawBytes: UInt32

    /// Packs the bytes, where there is something to pack them with and that makes them fewer.
    init(_ raw: [UInt8], _ compressor: Compressor?) {
        rawBytes = UInt32(raw.count)
        if let stream = compressor?.deflate(raw), stream.count < raw.count {
            (bytes, codec) = (stream, .zlib)
        } else {
            (bytes, codec) = (raw, .stored)
        }
        crc = Checksum.crc32(bytes)
    }

    /// As a block has it that lies somewhere.
    init(_ bytes: [UInt8], _ codec: Codec, crc: UInt32, rawBytes: UInt32) {
        (self.bytes, self.codec, self.crc, self.rawBytes) = (bytes, codec, crc, rawBytes)
    }

    /// How hard the bytes were packed, as their stream says of itself: 0 to 3; nil where they are no stream.
    var effort: Int? { codec == .zlib && bytes.count > 1 ? Int(bytes[1] >> 6) : nil }
}

/// A block of records as it lies in a sealed segment.
struct PackedBlock: Sendable {
    let content: PackedContent
    let summary: BlockSummary

    func isSame(as other: PackedBlock) -> Bool {
        summary == other.summary && content.codec == other.content.codec && content.bytes == other.content.bytes
    }
}

/// The records of a block that are to be packed, once.
package final class PackingTask: Sendable {
    private enum State {
        case waiting([Record])
        case begun
        case done(PackedContent)
        /// Whoever still has the task holds nothing by it.
        case handedOver
    }

    private let level: Int
    private let state: Mutex<State>

    init(_ records: [Record], level: Int) {
        self.level = level
        state = Mutex(.waiting(records))
    }

    package var isDone: Bool {
        state.withLock {
            switch $0 {
            case .waiting, .begun: false
            case .done, .handedOver: true
            }
        }
    }

    /// Packs the block with the compressor of its level, unless somebody has begun to. Whether it did.
    @discardableResult
    package func run(_ compressor: (_ level: Int) -> Compressor) -> Bool {
        let records: [Record]? = state.withLock { state in
            guard case .waiting(let records) = state else { return nil }
            state = .begun
            return records
        }
        guard let records else { return false }
        let content = PackedContent(RecordColumns.encode(records), compressor(level))
        state.withLock { $0 = .done(content) }
        return true
    }

    /// The packed block, which somebody has begun to pack, for the writer, who asks once.
    func finish(_ crew: (any PackingCrew)?) -> PackedContent {
        if !isDone { crew?.wait(for: self) }
        return state.withLock { state in
            guard case .done(let content) = state else {
                preconditionFailure("a block is asked for once, and a crew packs what it has begun")
            }
            state = .handedOver
            return content
        }
    }
}
