// Owns: one reducer that is kept live over the log: its state, its position, its health.

import EventModel
import EventRecords
import Reducers
import SegmentLog

/// A live projection. The engine's thread folds; any thread may ask.
final class Projection: Sendable {
    /// How long to wait for a projection to be restored: that takes as long as its state is large, and comes to an end, which
    /// catching up with a log that grows need not.
    static let restoreMilliseconds = 10_000

    /// How soon a wait takes notice that the work it is for has ended.
    private static let workMilliseconds = 50

    let source: ReducerSource
    private let reducers: ReducerLibrary
    let snapshots: SnapshotStore
    /// Behind the tail for longer, it is no longer called live.
    private let liveWithin: Duration

    /// The reducer with its state. The engine's thread holds it for a turn at a time.
    struct Folding {
        let box: ReducerBox
        var fold = FoldState()
        var position = EventID.zero
        var check = StateCheck()
    }

    private let folding: Monitor<Folding>
    let progress: Monitor<ProjectionProgress>

    /// `begins` says that it begins at the first event, whatever snapshots there are; else `begin` comes first.
    init(
        _ source: ReducerSource,
        reducers: ReducerLibrary,
        snapshots: SnapshotStore,
        liveWithin: Duration = .seconds(1),
        begins: Bool = false,
        now: Timestamp
    ) throws(StoreError) {
        self.source = source
        self.reducers = reducers
        self.snapshots = snapshots
        self.liveWithin = liveWithin
        folding = Monitor(Folding(box: try reducers.make(source)))
        progress = Monitor(ProjectionProgress(hasBegun: begins, ladder: SnapshotPace(takenAt: now)))
    }

    /// Why it has stopped, told once.
    func takeFault() -> StoreError? {
        progress.withLock { progress in
            guard case .faulted(let error) = progress.health, !progress.isFaultTold else { return nil }
            progress.isFaultTold = true
            return error
        }
    }

    var hasBegun: Bool { progress.withLock(\.hasBegun) }

    func has(_ need: ProjectionProgress.Need) -> Bool { progress.withLock { $0.has(need) } }

    /// Has `wake` called, once and from any thread, when a need is met. Returns a number to `forget` it by; nil where it is met
    /// already.
    func notify(_ need: ProjectionProgress.Need, _ wake: @escaping @Sendable () -> Void) -> UInt64? {
        progress.withLock { progress in
            guard !progress.has(need) else { return nil }
            progress.nextWaiter += 1
            progress.waiters[progress.nextWaiter] = ProjectionProgress.Waiter(need: need, wake: wake)
            return progress.nextWaiter
        }
    }

    var waiterCount: Int { progress.withLock(\.waiters.count) }

    /// Somebody waits no more.
    func forget(_ waiter: UInt64) {
        progress.withLock { _ = $0.waiters.removeValue(forKey: waiter) }
    }

    /// Changes how far it has come, and wakes whoever waits for that.
    private func move(_ change: (inout ProjectionProgress) -> Void) {
        let served = progress.update { progress in
            change(&progress)
            return progress.takeServed()
        }
        for waiter in served { waiter.wake() }
    }

    /// Goes to the newest snapshot of this very reducer, if there is one. Not done when it is made: the state of a projection
    /// may be large, and a store that opens is not to wait for it.
    func begin(_ log: SegmentLog, report: (String) -> Void) {
        let tail = EventID(log.view.tail)
        for note in snapshots.load(source, tail: tail) { report(note) }
        let snapshot = snapshots.latest(of: source, through: tail)
        folding.withLock { folding in
            let begun = ProcessorTime.ofThread
            var failure: StoreError?
            if let snapshot {
                do throws(ReducerError) {
                    try folding.box.reducer.restore(
                        stateJSON: snapshot.stateJSON,
                        eventsProcessed: snapshot.state.eventsProcessed
                    )
                    folding.fold = snapshot.state
                    folding.position = snapshot.position
                    folding.check.note(writable: snapshot.position)
                } catch {
                    failure = StoreError(error, reducer: source.name, at: nil)
                }
            }
            move { progress in
                progress.hasBegun = true
                progress.position = folding.position
                progress.eventsProcessed = folding.fold.eventsProcessed
                progress.ladder.begin(at: folding.position, restored: ProcessorTime.ofThread - begun)
                progress.memoryBytes = folding.box.reducer.memoryBytes
                if let failure {
                    progress.health = .faulted(failure)
                } else if folding.position >= tail {
                    progress.health = .live
                }
            }
        }
    }

    /// Returns once it has begun, so that its snapshots are known.
    func waitUntilBegun(waitMilliseconds: Int, for work: Work? = nil) throws(StoreError) {
        guard try waits(waitMilliseconds, for: work, until: .begun) else {
            throw StoreError(.lagging, ids: [.zero], "projection \(source.name) is being restored")
        }
    }

    /// Waits until a need is met; false where it is not within the time. Throws where the work is to end first.
    private func waits(
        _ milliseconds: Int,
        for work: Work?,
        until need: ProjectionProgress.Need
    ) throws(StoreError) -> Bool {
        let end = ContinuousClock.now + .milliseconds(milliseconds)
        while true {
            try inLog { () throws(LogError) in try work?.check() }
            let left = Int(max(.zero, end - .now) / .milliseconds(1))
            let step = min(left, Self.workMilliseconds)
            // Without a wait this is a look, which is no occasion to let others go on.
            if progress.withLock({ $0.has(need) }) { return true }
            if ContinuousClock.now >= end { return false }
            func wait() { _ = progress.wait(timeoutMilliseconds: step) { $0.has(need) ? true : nil } }
            if let work { work.idle(wait) } else { wait() }
        }
    }

    /// Events behind the tail, where it was live before.
    func lag(behind tail: EventID) -> UInt64? {
        progress.withLock { progress in
            progress.health == .live ? tail.rawValue - min(tail.rawValue, progress.position.rawValue) : nil
        }
    }

    /// Whether there is something to fold.
    func isBehind(_ tail: EventID) -> Bool {
        progress.withLock { !$0.hasBegun || !$0.health.isFaulted && $0.position < tail }
    }

    /// Whether it lets others that are at these go first, where it would have its turn.
    func waits(for others: [EventID], tail: EventID) -> Bool {
        progress.update { progress in
            let waits = FoldStep.waits(at: progress.position, waited: progress.waited, for: others, tail: tail)
            progress.waited = waits ? progress.waited + 1 : 0
            progress.behindSince = progress.behindSince ?? .now
            return waits
        }
    }

    /// How far it has come.
    var position: EventID { progress.withLock(\.position) }

    /// Folds some of what is new, for about `duration` or to the end of a step, so that others get their turn.
    func advance(_ log: SegmentLog, for duration: Duration, sharing: BlockCache? = nil) {
        progress.update { $0.behindSince = $0.behindSince ?? .now }
        _ = progress.wait { $0.readers == 0 ? true : nil }
        folding.withLock { folding in
            guard !progress.withLock(\.health.isFaulted) else { return }
            let begun = ProcessorTime.ofThread
            defer {
                let worked = ProcessorTime.ofThread - begun
                folding.check.worked += worked
                progress.update { $0.ladder.worked += worked }
                checkIfDue(&folding, log)
            }
            let end = ContinuousClock.now + duration
            let view = log.view
            let keys = KeyExpression().restricted(to: folding.box.reducer.selection)
            // What cannot be read is named, and the rest is folded.
            let query = LogQuery(keys: keys, after: RecordID(folding.position), skipsDamage: true)
            let step = FoldStep.end(after: folding.position)
            var scan = LogScan(view, query, sharing: sharing)
            var batch = FoldBatch()
            do throws(StoreError) {
                while let records = try inLog({ () throws(LogError) in try scan.step() }) {
                    var left = records[...]
                    while !left.isEmpty {
                        defer { folding.position = max(folding.position, batch.position.map { EventID($0) } ?? .zero) }
                        try batch.fold(
                            &left,
                            with: folding.box.reducer,
                            into: &folding.fold,
                            skippingDamage: true
                        ) { id in progress.update { $0.lacking.append(id...id) } }
                        if ContinuousClock.now >= end { break }
                    }
                    if !left.isEmpty { return publish(folding, scan, view) }
                    folding.position = EventID(scan.position)
                    let isStepOver = !records.isEmpty && folding.position >= step
                    if isStepOver || ContinuousClock.now >= end { return publish(folding, scan, view) }
                }
                folding.position = EventID(view.tail)
                publish(folding, scan, view)
            } catch {
                move { $0.health = .faulted(error) }
                publish(folding, scan, view)
            }
        }
    }

    private func publish(_ folding: Folding, _ scan: LogScan, _ view: LogView) {
        move { progress in
            progress.position = folding.position
            progress.eventsProcessed = folding.fold.eventsProcessed
            progress.lacking = RecordRanges.merged(progress.lacking + scan.skipped)
            progress.memoryBytes = folding.box.reducer.memoryBytes
            progress.advance.note(folding.position, tail: EventID(view.tail))
            guard folding.position >= EventID(view.tail) else { return }
            progress.behindSince = nil
            progress.advance.arrive()
            if !progress.health.isFaulted { progress.health = .live }
        }
    }

    /// Tries whether the state can be written, where that is due; it may have had to wait.
    func checkIfDue(_ log: SegmentLog) {
        folding.withLock { checkIfDue(&$0, log) }
    }

    private func checkIfDue(_ folding: inout Folding, _ log: SegmentLog, asked: Bool = false) {
        let isBehind = folding.position < EventID(log.view.tail)
        guard folding.check.isDue(at: folding.position, isBehind: isBehind, asked: asked),
            !progress.withLock(\.health.isFaulted)
        else { return }
        try? trying(&folding, log) { reducer throws(StoreError) in try reducer.checkWritable() }
        let isSoonChecked = folding.check.isShort
        progress.update { $0.isSoonChecked = isSoonChecked }
    }

    /// The state as JSON.
    func written(_ folding: inout Folding, _ log: SegmentLog) throws(StoreError) -> [UInt8] {
        var json: [UInt8] = []
        try trying(&folding, log) { reducer throws(StoreError) in json = try reducer.json() }
        return json
    }

    /// Where there is no writing the state down, the projection stops at the event that made it so.
    private func trying(
        _ folding: inout Folding,
        _ log: SegmentLog,
        _ body: (Reducer) throws(StoreError) -> Void
    ) throws(StoreError) {
        do throws(StoreError) {
            let reducer = folding.box.reducer
            try folding.check.run(at: folding.position) { () throws(StoreError) in try body(reducer) }
        } catch {
            var failure = error
            if let found = try? firstUnwritable(folding, log) {
                failure = found.reason
                folding.fold = found.fold
                folding.position = EventID(found.event.rawValue - 1)
            }
            move { progress in
                progress.health = .faulted(failure)
                progress.position = folding.position
                progress.eventsProcessed = folding.fold.eventsProcessed
            }
            throw failure
        }
    }

    private func firstUnwritable(_ folding: Folding, _ log: SegmentLog) throws(StoreError) -> UnwritableSearch.Found? {
        let snapshot = snapshots.latest(of: source, through: folding.check.writable)
        let base = UnwritableSearch.Base(
            position: snapshot?.position ?? .zero,
            fold: snapshot?.state ?? FoldState(),
            stateJSON: snapshot?.stateJSON
        )
        return try UnwritableSearch(source: source, reducers: reducers, log: log)
            .first(after: base, writable: folding.check.writable, unwritable: folding.position)
    }

    /// Runs `body` between two turns.
    func betweenTurns<Result>(
        _ body: (inout Folding) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        progress.update { $0.readers += 1 }
        defer { progress.update { $0.readers -= 1 } }
        return try folding.withLock { folding throws(StoreError) in try body(&folding) }
    }

    /// The state once it reflects everything up to `target`.
    func current(
        _ log: SegmentLog,
        reaching target: EventID,
        waitMilliseconds: Int,
        for work: Work? = nil
    ) throws(StoreError) -> FoldedState {
        let hasReached = try waits(waitMilliseconds, for: work, until: .reached(target))
        guard hasReached else {
            throw StoreError(
                .lagging,
                ids: [progress.withLock(\.position)],
                "projection \(source.name) has not reached \(target) yet"
            )
        }
        // Before the lock, which others wait for. The text is about as long as the state is large.
        try inLog { () throws(LogError) in try work?.hold(3 * progress.withLock(\.memoryBytes)) }
        func state(_ folding: inout Folding) -> Result<FoldedState, StoreError> {
            do throws(StoreError) {
                if case .faulted(let error) = progress.withLock(\.health) { throw error }
                let json = try written(&folding, log)
                let lacking = progress.withLock(\.lackingEvents)
                return .success(
                    FoldedState(
                        eventsProcessed: folding.fold.eventsProcessed,
                        lastEvent: folding.fold.lastEvent,
                        stateJSON: json,
                        lacking: lacking
                    )
                )
            } catch {
                return .failure(error)
            }
        }
        // The engine's next turn waits for those who are about to have the lock, and never for one that waits for its own turn.
        func asReader<Result>(_ body: () -> Result) -> Result {
            progress.update { $0.readers += 1 }
            defer { progress.update { $0.readers -= 1 } }
            return body()
        }
        guard let work else { return try asReader { folding.withLock { state(&$0) } }.get() }
        // Whoever has the lock may have it for long, where the state is large.
        while true {
            try inLog { () throws(LogError) in try work.check() }
            if let result = asReader({ folding.tryWithLock({ state(&$0) }) }) { return try result.get() }
            work.idle { asReader { folding.withLock { _ in } } }
        }
    }

    /// How it stands. What is called live is so by its last event: its state is tried for that, between two turns, unless that takes
    /// long. Nobody waits for a restoring.
    func status(_ log: SegmentLog) -> ProjectionStatus {
        let (status, isTried) = progress.withLock { (self.status($0, log), $0.health == .live && $0.isSoonChecked) }
        guard isTried else { return status }
        let tried = try? betweenTurns { folding throws(StoreError) in
            checkIfDue(&folding, log, asked: true)
            // Nothing is folded meanwhile, so that this is of the state that was tried.
            return progress.withLock { self.status($0, log) }
        }
        return tried ?? status
    }

    private func status(_ progress: ProjectionProgress, _ log: SegmentLog) -> ProjectionStatus {
        let tail = EventID(log.view.tail)
        let lag = tail.rawValue - min(tail.rawValue, progress.position.rawValue)
        let isLate = progress.health == .live && progress.isLagging(liveWithin)
        let isOnItsWay = isLate || progress.health == .rebuilding
        return ProjectionStatus(
            name: source.name,
            position: progress.position,
            lag: lag,
            eventsProcessed: progress.eventsProcessed,
            health: isLate ? .catchingUp : progress.health,
            lacking: progress.lackingEvents,
            rate: isOnItsWay ? progress.advance.rate : nil,
            secondsLeft: isOnItsWay ? progress.advance.seconds(behind: lag) : nil
        )
    }
}
