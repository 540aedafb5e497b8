// Owns: what all connections of a server share.

import EventModel
import EventStore
import EventWire
import NIOCore
import NIOPosix
import Synchronization

final class ServerCore: Sendable {
    static let version = "0.2.0"
    /// The Redis whose protocol and names are spoken here, for clients that ask before they use them.
    static let redisVersion = "7.0.0"

    let options: ServerOptions
    let readers: ReaderPool
    /// Questions about the daemon itself, which wait for no reader.
    let informers = ReaderPool(readers: 1)
    let upkeep = Upkeep()
    let connections: Connections
    /// Memory for what clients send, and for what they are sent.
    let incoming: BufferBudget
    let outgoing: BufferBudget
    /// Bytes of replies that may wait for one client; more are not made until it has taken them.
    let replyQueueBytes: Int
    let cuts: CutReports
    let users = UserDatabase()
    let caps: UserCaps
    let audit: Audit
    private let rules: Mutex<AccessRules>
    /// How often the rules have been replaced.
    private let replacements = Atomic(0)
    let started = NIODeadline.now()
    /// Of this start of the server, at random, as 40 hexadecimal digits.
    let runID = (0..<40).map { _ in String(Int.random(in: 0..<16), radix: 16) }.joined()
    let rate = TrafficRate()
    private let contexts: [ObjectIdentifier: LoopContext]
    private let opened = OpenedStore()
    private let eventSizes = EventSizes()
    /// Thousandths of the recovery that are done.
    private let recovered = Atomic(0)

    init(_ options: ServerOptions, group: MultiThreadedEventLoopGroup) {
        self.options = options
        connections = Connections(options)
        let limits = options.limits
        incoming = BufferBudget(
            bytes: options.bufferBytes / 2,
            reserve: Command.filterFactor * limits.commandBytes,
            perUser: options.bufferBytesPerUser / 2
        )
        replyQueueBytes = options.bufferBytes / 8
        outgoing = BufferBudget(
            bytes: options.bufferBytes / 2,
            reserve: replyQueueBytes + 2 * options.replyBytes + 4 * limits.argumentBytes + (256 << 10)
                + QueryRun.answerBytes + Command.filterFactor * min(limits.commandBytes, limits.arguments * 140),
            perUser: options.bufferBytesPerUser / 2
        )
        BufferBudget.join(incoming, outgoing)
        cuts = CutReports(report: options.report)
        audit = Audit(write: options.audit)
        caps = UserCaps(options)
        rules = Mutex(options.access)
        let moment = Duration.milliseconds(options.loopMilliseconds)
        contexts = Dictionary(
            uniqueKeysWithValues: group.makeIterator().map { [opened] loop in
                (ObjectIdentifier(loop), LoopContext(loop, opened, moment: moment))
            }
        )
        readers = ReaderPool(
            readers: options.readers,
            allowance: ReaderAllowance(
                secondsPerMinute: Int64(options.readerSecondsPerMinutePerUser),
                unlimitedUsers: options.unlimitedUsers
            )
        )
    }

    func context(of eventLoop: any EventLoop) -> LoopContext {
        guard let context = contexts[ObjectIdentifier(eventLoop)] else {
            preconditionFailure("a connection belongs to a loop of the server's group")
        }
        return context
    }

    var loops: [LoopContext] { Array(contexts.values) }

    var traffic: Traffic { Traffic(contexts.values.lazy.map(\.traffic)) }

    /// Who a connection's peer is, and what it may do by the rules as they are now.
    func caller(_ peer: PeerCredentials?, isReadOnly: Bool, connection: Int64) -> Caller {
        let (rules, version) = rules.withLock { ($0, rulesVersion) }
        return Caller(peer, isReadOnly: isReadOnly, connection: connection, rules, version, options, audit)
    }

    /// Which rules count: another number once there are others.
    var rulesVersion: Int { replacements.load(ordering: .acquiring) }

    /// Has other rules count, for every connection from its next command on.
    func replace(rules: AccessRules) {
        self.rules.withLock {
            $0 = rules
            replacements.add(1, ordering: .releasing)
        }
        // A connection looks itself before its next command. This is for what goes on without one.
        for loop in loops {
            loop.eventLoop.execute {
                for connection in loop.connections.values { connection.takeRules() }
            }
        }
    }

    /// Once nothing is answered any more.
    func close() async {
        await readers.close()
        await informers.close()
        await users.close()
        await upkeep.close()
        audit.tellRest()
    }

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

    /// What an event of the store takes in an answer, on the average.
    var averageEventBytes: Int { eventSizes.average(in: store) }

    /// How long a question of somebody may take.
    func queryLimit(_ caller: Caller) -> Duration {
        let operators = options.operatorQuerySeconds > 0 && caller.permissions.granted.contains(.operate)
        return .seconds(operators ? options.operatorQuerySeconds : options.querySeconds)
    }
}

/// The store, once it has been opened.
final class OpenedStore: Sendable {
    private let opened = Mutex<EventStore?>(nil)

    var store: EventStore? { opened.withLock { $0 } }

    func set(_ store: EventStore) { opened.withLock { $0 = store } }
}

/// How large events are, looked at anew whenever there are twice as many.
private final class EventSizes: Sendable {
    /// Names and numbers of an event in an answer.
    private static let frameBytes = 200

    private struct State {
        var tail: UInt64 = 0
        var average = 0
    }

    private let state = Mutex(State())

    func average(in store: EventStore) -> Int {
        let tail = store.tail.rawValue
        let (known, average) = state.withLock { ($0.tail, $0.average) }
        guard tail / 2 >= known else { return average }
        let bytes = store.recordBytes
        let fresh = Self.frameBytes + (tail > 0 ? Int(bytes / tail) : 0)
        state.withLock { $0 = State(tail: max(tail, 1), average: fresh) }
        return fresh
    }
}
