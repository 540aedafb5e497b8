// Owns: the thread that keeps the projections live, and their snapshots as the policy wants them. It runs at a lower
// priority than the appends: under a burst a projection may lag, and whoever asks for it waits a little longer.

import EventModel
import EventRecords
import Reducers
import SegmentLog
import Synchronization

/// All live projections of a store. May be used from any thread.
final class ProjectionEngine: Sendable {
    /// How long one projection folds before the others have their turn.
    private static let turn = Duration.milliseconds(20)
    private static let niceness: Int32 = 5

    let snapshots: SnapshotStore
    private let log: SegmentLog
    private let reducers: ReducerLibrary
    private let policy: SnapshotPolicy
    private let limits: BacklogLimits
    private let liveWithin: Duration
    private let clock: StoreClock
    private let report: @Sendable (String) -> Void
    private let list = Mutex<[Projection]>([])
    /// Those that are configured and have no reducer, with the reason.
    private let unmade = Mutex<[(name: String, fault: StoreError)]>([])
    private let signal = Monitor(Signal())
    private let thread = OwnedThread()
    private let writer = SnapshotWriter()
    /// The blocks of a step or two.
    private let sharing = BlockCache(budgetBytes: 8 << 20)

    private struct Signal {
        var hasNews = true
        var isClosed = false
    }

    init(
        log: SegmentLog,
        reducers: ReducerLibrary,
        snapshots: SnapshotStore,
        policy: SnapshotPolicy,
        limits: BacklogLimits,
        liveWithin: Duration,
        clock: StoreClock,
        report: @escaping @Sendable (String) -> Void
    ) {
        self.log = log
        self.reducers = reducers
        self.snapshots = snapshots
        self.policy = policy
        self.limits = limits
        self.liveWithin = liveWithin
        self.clock = clock
        self.report = report
    }

    /// Makes exactly the named projections live: those whose reducer is unchanged go on, the others begin from a
    /// snapshot of their new reducer or from the log. Throws where a reducer is missing or faulty, and changes nothing.
    func configure(_ names: [String]) throws(StoreError) {
        let current = list.withLock { $0 }
        var wanted: [Projection] = []
        for name in names { wanted.append(try projection(name, keptFrom: current)) }
        set(wanted, unmade: [])
    }

    /// Makes the named projections live at the start. One whose reducer is missing or faulty is shown as faulted, and costs
    /// the log and the others nothing.
    func begin(_ names: [String]) {
        var wanted: [Projection] = []
        var faults: [(String, StoreError)] = []
        for name in names {
            do throws(StoreError) {
                wanted.append(try projection(name, keptFrom: []))
            } catch {
                report("projection \(name) does not begin: \(error)")
                faults.append((name, error))
            }
        }
        set(wanted, unmade: faults)
    }

    private func projection(_ name: String, keptFrom current: [Projection]) throws(StoreError) -> Projection {
        let source = try reducers.source(name)
        if let unchanged = current.first(where: { $0.source == source }) { return unchanged }
        return try Projection(
            source,
            reducers: reducers,
            snapshots: snapshots,
            liveWithin: liveWithin,
            now: clock.now()
        )
    }

    private func set(_ projections: [Projection], unmade faults: [(String, StoreError)]) {
        list.withLock { $0 = projections }
        unmade.withLock { $0 = faults.map { (name: $0, fault: $1) } }
        signal.update { $0.hasNews = true }
    }

    /// Folds a projection again from the first event.
    func rebuild(_ name: String) throws(StoreError) {
        let old = try projection(name)
        // The snapshots that it is not to begin with are to be known.
        try old.waitUntilBegun(waitMilliseconds: Projection.restoreMilliseconds)
        let fresh = try Projection(
            old.source,
            reducers: reducers,
            snapshots: snapshots,
            liveWithin: liveWithin,
            begins: true,
            now: clock.now()
        )
        list.withLock { list in
            if let index = list.firstIndex(where: { $0 === old }) { list[index] = fresh }
        }
        signal.update { $0.hasNews = true }
    }

    /// How far those are behind that were live before. One that is being rebuilt has never kept pace, and holds nobody up.
    func backlogs() -> [Backlog] {
        let tail = EventID(log.view.tail)
        return list.withLock { $0 }.compactMap { projection in
            projection.lag(behind: tail).map {
                Backlog(
                    kind: .projection(projection.source.name),
                    waiting: $0,
                    hardLimit: limits.hardEvents,
                    room: 1 << 20
                )
            }
        }
    }

    func projection(_ name: String) throws(StoreError) -> Projection {
        guard let projection = list.withLock({ $0.first { $0.source.name == name } }) else {
            if let fault = unmade.withLock({ $0.first { $0.name == name }?.fault }) { throw fault }
            let names = list.withLock { $0.map(\.source.name) }.joined(separator: ", ")
            throw StoreError(.notFound, "no projection '\(name)'; live are: \(names.isEmpty ? "none" : names)")
        }
        return projection
    }

    func statuses() -> [ProjectionStatus] {
        let tail = EventID(log.view.tail)
        return list.withLock { $0 }.map { $0.status(log) }
            + unmade.withLock { $0 }.map { name, fault in
                ProjectionStatus(
                    name: name,
                    position: .zero,
                    lag: tail.rawValue,
                    eventsProcessed: 0,
                    health: .faulted(fault),
                    lacking: []
                )
            }
    }

    /// Tells the thread that there are new events. Costs next to nothing where there are no projections: it is called
    /// after every commit.
    func wake() {
        guard list.withLock({ !$0.isEmpty }) else { return }
        signal.update { $0.hasNews = true }
    }

    func start() {
        writer.start()
        thread.start("ev-project", niceness: Self.niceness) { self.run() }
    }

    /// Ends the thread, then takes a last snapshot of each projection.
    func close() {
        signal.update { $0.isClosed = true }
        thread.join()
        writer.close()
        do {
            _ = try snapshotAll()
        } catch {
            report("a snapshot failed at the stop: \(error)")
        }
    }

    /// Takes a snapshot of every projection that has moved since its last. Throws the first failure, after the others
    /// have theirs.
    func snapshotAll() throws(StoreError) -> [(name: String, position: EventID, bytes: Int)] {
        var taken: [(String, EventID, Int)] = []
        var failure: StoreError?
        // Whoever asks for snapshots has those, too, that were on their way.
        defer { writer.drain() }
        for projection in list.withLock({ $0 }) {
            do throws(StoreError) {
                if let snapshot = try projection.snapshot(log, now: clock.now()) {
                    taken.append((projection.source.name, snapshot.position, snapshot.bytes))
                }
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
        return taken
    }

    private func run() {
        var priority = ThreadPriority(resting: Self.niceness)
        while true {
            let isClosed = signal.wait(timeoutMilliseconds: 1000) { signal -> Bool? in
                guard signal.hasNews || signal.isClosed else { return nil }
                signal.hasNews = false
                return signal.isClosed
            }
            if isClosed == true { return }
            var isBehind = true
            while isBehind, !signal.withLock(\.isClosed) {
                isBehind = false
                priority.set(isUrgent: limits.softEvents > 0 && backlogs().contains { $0.waiting > limits.softEvents })
                let projections = list.withLock { $0 }
                for projection in projections {
                    let tail = EventID(log.view.tail)
                    guard projection.isBehind(tail) else { continue }
                    isBehind = true
                    if !projection.hasBegun {
                        projection.begin(log, report: report)
                    } else if !waits(projection, for: projections, tail) {
                        projection.advance(log, for: Self.turn, sharing: sharing)
                    }
                    takeSnapshotIfDue(projection)
                }
            }
            for projection in list.withLock({ $0 }) {
                projection.checkIfDue(log)
                takeSnapshotIfDue(projection)
            }
        }
    }

    /// Whether a projection is to let others come up with it.
    private func waits(_ projection: Projection, for projections: [Projection], _ tail: EventID) -> Bool {
        let going = projections.filter { $0.hasBegun && $0.isBehind(tail) }
        return projection.waits(for: going.map(\.position), tail: tail)
    }

    /// Then says of a projection that it has stopped, where it has.
    private func takeSnapshotIfDue(_ projection: Projection) {
        let now = clock.now()
        if projection.isSnapshotDue(policy, now: now) {
            reporting(projection) { () throws(StoreError) in
                guard let taken = try projection.takeSnapshot(log, now: now) else { return }
                writer.add { self.reporting(projection) { () throws(StoreError) in _ = try projection.save(taken) } }
            }
        }
        if let error = projection.takeFault() { report("projection \(projection.source.name) has stopped: \(error)") }
    }

    private func reporting(_ projection: Projection, _ body: () throws(StoreError) -> Void) {
        do {
            try body()
        } catch {
            report("a snapshot of \(projection.source.name) failed: \(error)")
        }
    }
}
