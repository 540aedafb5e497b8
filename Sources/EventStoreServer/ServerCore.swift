// Owns: what all connections of a server share.

import EventModel
import EventStore
import EventWire
import NIOCore
import NIOPosix
import Synchronization

final class ServerCore: Sendable {
    static let version = "0.2.0"

    let options: ServerOptions
    let readers: NIOThreadPool
    let connections: Connections
    /// Memory for what clients send, and for what they are sent.
    let incoming: BufferBudget
    let outgoing: BufferBudget
    let started = NIODeadline.now()
    private let contexts: [ObjectIdentifier: LoopContext]
    private let opened = OpenedStore()
    /// Thousandths of the recovery that are done.
    private let recovered = Atomic(0)

    init(_ options: ServerOptions, group: MultiThreadedEventLoopGroup) {
        self.options = options
        connections = Connections(options)
        let limits = options.limits
        incoming = BufferBudget(
            bytes: options.bufferBytes / 2,
            reserve: Command.filterFactor * limits.commandBytes
        )
        outgoing = BufferBudget(
            bytes: options.bufferBytes / 2,
            reserve: options.replyBytes + 3 * limits.argumentBytes + (192 << 10)
                + Command.filterFactor * min(limits.commandBytes, limits.arguments * 140)
        )
        contexts = Dictionary(
            uniqueKeysWithValues: group.makeIterator().map { [opened] in (ObjectIdentifier($0), LoopContext($0, opened))
            }
        )
        readers = NIOThreadPool(numberOfThreads: max(options.readers, 1))
        readers.start()
    }

    func context(of eventLoop: any EventLoop) -> LoopContext {
        guard let context = contexts[ObjectIdentifier(eventLoop)] else {
            preconditionFailure("a connection belongs to a loop of the server's group")
        }
        return context
    }

    var loops: [LoopContext] { Array(contexts.values) }

    // MARK: The store

    /// The store, for commands that were let through because there is one.
    var store: EventStore {
        guard let store = opened.store else {
            preconditionFailure("no query is begun before there is a store")
        }
        return store
    }

    func serve(_ store: EventStore) { opened.set(store) }

    func recovering(_ fraction: Double) {
        recovered.store(Int(min(max(fraction, 0), 1) * 1000), ordering: .relaxed)
    }

    var loadedPercent: Int { recovered.load(ordering: .relaxed) / 10 }

    var loadingError: StoreError {
        StoreError(.loading, "\(loadedPercent) % of the recovery is done; the store opens when all is, try again then")
    }

    // MARK: Sizes

    /// What one event may take in an answer.
    var eventBytes: Int { options.limits.argumentBytes + (64 << 10) }
    /// Events of the greatest size that make the longest answer of EV.READ.
    var replyEvents: Int { options.replyBytes / eventBytes + 1 }
}

/// The store, once it has been opened.
final class OpenedStore: Sendable {
    private let opened = Mutex<EventStore?>(nil)

    var store: EventStore? { opened.withLock { $0 } }

    func set(_ store: EventStore) { opened.withLock { $0 = store } }
}
