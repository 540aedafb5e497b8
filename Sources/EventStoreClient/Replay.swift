// Owns: reading the whole log in order, as fast as it goes: the daemon sends blocks as they lie on its disk, the next ones
// are under way while the last are inflated, and those are inflated on other threads while the caller reads.

public import EventModel
import EventRecords
import EventWire
import SegmentLog

extension EventStoreClient {
    /// Everything in the log after an event, in the order of the ids, up to its end as it is when the replay comes there.
    ///
    /// For whoever wants most of the log: a filter is the caller's. Where events cannot be read, those before them come first;
    /// then it throws, and `StoreError.unreadable` names them: begin again after the last of them.
    public func replay(after: EventID = EventID(0)) -> Replay {
        Replay(client: self, after: after)
    }
}

/// The blocks of the log, in order.
public struct Replay: AsyncSequence, Sendable {
    /// A stretch of the log.
    public typealias Element = EventBlock
    /// How it can end.
    public typealias Failure = ClientError

    fileprivate let client: EventStoreClient
    fileprivate let after: EventID

    /// Begins at the first event asked for; each iterator reads the log anew.
    public func makeAsyncIterator() -> Iterator {
        Iterator(client: client, position: after)
    }

    /// One reading of the log. Holds at most a few MiB ahead of the caller.
    public struct Iterator: AsyncIteratorProtocol {
        private typealias Reply = Task<Result<[UInt8], ClientError>, Never>
        private typealias Blocks = Task<Inflated, Never>

        /// Of compressed blocks in one reply.
        private static let replyBytes = 512 << 10
        /// Bytes that are inflated in one go, about, and such goes ahead of the caller.
        private static let portionBytes = 256 << 10
        private static let portionsAhead = 6

        /// Some blocks of one reply.
        private struct Portion {
            let reply: [UInt8]
            let after: EventID
            var ranges: [Range<Int>] = []
            var rawBytes = 0
        }

        /// The blocks of a portion, up to the first that could not be had, and why not.
        private struct Inflated {
            var blocks: [EventBlock] = []
            var failure: ClientError?
        }

        private let client: EventStoreClient
        /// The last event of what has arrived.
        private var position: EventID
        private var arriving: Reply?
        private var arrived: ArraySlice<Portion> = []
        private var inflating: [Blocks] = []
        private var ready: ArraySlice<EventBlock> = []
        private var hasEnded = false
        /// Why nothing more will come; thrown once all that came before has been given out.
        private var failure: ClientError?

        fileprivate init(client: EventStoreClient, position: EventID) {
            self.client = client
            self.position = position
        }

        /// Waits for the next block.
        ///
        /// - Returns: Nil at the end of the log, and once the task is cancelled.
        public mutating func next() async throws(ClientError) -> EventBlock? {
            while ready.isEmpty {
                guard !Task.isCancelled else { return nil }
                while inflating.count < Self.portionsAhead {
                    if let portion = arrived.popFirst() {
                        inflating.append(Task.detached { Self.inflate(portion) })
                    } else if !hasEnded {
                        await receive()
                    } else {
                        break
                    }
                }
                guard !inflating.isEmpty else {
                    if let failure { throw failure }
                    return nil
                }
                let inflated = await inflating.removeFirst().value
                ready = inflated.blocks[...]
                if let error = inflated.failure {
                    (inflating, arrived) = ([], [])
                    (hasEnded, failure) = (true, error)
                }
            }
            return ready.removeFirst()
        }

        /// Takes the next reply, and asks for the one after it.
        private mutating func receive() async {
            switch await (arriving ?? request()).value {
            case .failure(let error): (hasEnded, failure) = (true, error)
            case .success(let bytes):
                guard !bytes.isEmpty else { return hasEnded = true }
                let start = position
                guard let blocks = TransferBlock.split(bytes), let lastID = blocks.last.map({ EventID($0.lastID) }),
                    lastID > start
                else { return (hasEnded, failure) = (true, .protocolViolation("blocks of the log lead nowhere")) }
                position = lastID
                arriving = request()
                var portions = [Portion(reply: bytes, after: start)]
                for block in blocks {
                    if portions[portions.count - 1].rawBytes >= Self.portionBytes {
                        portions.append(Portion(reply: bytes, after: start))
                    }
                    portions[portions.count - 1].ranges.append(block.range)
                    portions[portions.count - 1].rawBytes += block.rawBytes
                }
                arrived = portions[...]
            }
        }

        private func request() -> Reply {
            let (client, position) = (client, position)
            return Task.detached {
                do throws(ClientError) {
                    return .success(try await client.blocks(after: position, bytes: Self.replyBytes))
                } catch {
                    return .failure(error)
                }
            }
        }

        private static func inflate(_ portion: Portion) -> Inflated {
            portion.reply.withUnsafeBytes { bytes in
                var inflated = Inflated()
                do throws(ClientError) {
                    for range in portion.ranges {
                        let block = try EventBlock(
                            UnsafeRawBufferPointer(rebasing: bytes[range]),
                            after: portion.after
                        )
                        inflated.blocks.append(block)
                        if let refusal = block.refusal { throw .store(refusal) }
                    }
                } catch {
                    inflated.failure = error
                }
                return inflated
            }
        }
    }
}

extension EventStoreClient {
    /// The blocks behind an event, as they are in the daemon's files, about so many bytes of them.
    fileprivate func blocks(after: EventID, bytes: Int) async throws(ClientError) -> [UInt8] {
        let reply = try await request(["EV.BLOCKS", "AFTER", after.description, "BYTES", String(bytes)])
        guard let blocks = reply.bytes else { throw .unexpected("blocks", reply) }
        return blocks
    }
}
