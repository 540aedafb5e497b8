// Owns: a whole store: it opens the log, starts the threads, and is the one thing that servers and programs talk to.
//
//   writer     takes batches in, commits frames                      WriterThread, Committer
//   project    keeps the projections live, takes snapshots           ProjectionEngine
//   snapshot   compresses and writes the snapshots that were taken   SnapshotWriter
//   push       brings events to subscribers                          SubscriptionHub
//   lookup     answers conditions of appends that take long          LookupThread
//   maintain   seals, compacts, prepares files, at low priority      Maintenance
//   pack       compress blocks for who seals or merges               PackingThreads
//   index      makes the key files of closed segments                KeyIndexer
//   scrub      reads closed segments again, at a rate                Scrubber
//
// Reads have no thread of their own: they run on the caller's, over an immutable view of the log.

package import Disk
package import EventModel
import EventRecords
import Reducers
package import SegmentLog
import Synchronization

/// An open event store. May be used from any thread; calls that read block until they have the answer.
package final class EventStore: Sendable {
    package let options: StoreOptions
    package let recovery: RecoveryReport
    let log: SegmentLog
    let reducers: ReducerLibrary
    let projections: ProjectionEngine
    private let writer: WriterThread
    private let hub: SubscriptionHub
    private let maintenance: Maintenance
    private let indexer: KeyIndexer
    private let rolls: Monitor<RollBudget>
    let scrubber: Scrubber
    private let failure: Failure
    private let lookups: LookupThread
    /// Slows whoever appends; to be asked before, and told of, each append of a user.
    package let pace: AppendPace
    private let isStopping = Atomic(false)
    /// How far a check of every byte has come that somebody has asked for.
    let verification = VerificationState()

    /// What a store tells its owner, from its own threads.
    package struct Events: Sendable {
        /// Something an operator should read.
        package var report: @Sendable (String) -> Void
        /// The store can take no more appends; reads go on. Called once.
        package var failed: @Sendable (StoreError) -> Void
        /// How much of the recovery has been done, 0 to 1; on the thread that opens the store.
        package var recovering: @Sendable (Double) -> Void

        package init(
            report: @escaping @Sendable (String) -> Void = { _ in },
            failed: @escaping @Sendable (StoreError) -> Void = { _ in },
            recovering: @escaping @Sendable (Double) -> Void = { _ in }
        ) {
            self.report = report
            self.failed = failed
            self.recovering = recovering
        }
    }

    /// Opens the store, or makes it. Recovery has been done when this returns; projections catch up afterwards.
    package static func open(
        _ options: StoreOptions,
        disk: any Disk = PosixDisk(),
        clock: StoreClock = .system,
        events: Events = Events()
    ) throws(OpenError) -> EventStore {
        let opened: (log: SegmentLog, writer: LogWriter, report: RecoveryReport)
        let packing = PackingThreads(threads: options.sealingThreads, niceness: Maintenance.niceness)
        var logOptions = options.log
        logOptions.crew = packing
        do {
            opened = try SegmentLog.open(
                disk,
                directory: LogDirectory(options.directory),
                options: logOptions,
                register: DamageRegister { ids, reason in
                    events.report("events \(ids.lowerBound) to \(ids.upperBound) cannot be read: \(reason)")
                },
                now: RecordTime(clock.now()),
                progress: events.recovering
            )
        } catch {
            throw .log(error)
        }
        for note in opened.report.notes { events.report(note) }
        return EventStore(options, disk, opened.log, opened.writer, opened.report, packing, clock, events)
    }

    private init(
        _ options: StoreOptions,
        _ disk: any Disk,
        _ log: SegmentLog,
        _ logWriter: sending LogWriter,
        _ recovery: RecoveryReport,
        _ packing: PackingThreads,
        _ clock: StoreClock,
        _ events: Events
    ) {
        self.options = options
        self.recovery = recovery
        self.log = log
        reducers = ReducerLibrary(
            disk,
            directory: options.reducersDirectory,
            limits: options.reducerLimits,
            report: events.report
        )
        reducers.begin()
        let projections = ProjectionEngine(
            log: log,
            reducers: reducers,
            snapshots: SnapshotStore(log, keep: options.snapshots.keep, report: events.report),
            policy: options.snapshots,
            limits: options.backlog,
            liveWithin: .milliseconds(options.projectionLiveMilliseconds),
            clock: clock,
            report: events.report
        )
        projections.begin(options.projections)
        let hub = SubscriptionHub(log)
        let maintenance = Maintenance(log, limits: options.backlog, packing: packing, report: events.report)
        let indexer = KeyIndexer(log, report: events.report)
        let scrubber = Scrubber(log, policy: options.scrub, clock: clock, report: events.report)
        let failure = Failure()
        let lookups = LookupThread(log, limits: options.lookups)
        self.lookups = lookups
        let limits = options.backlog
        let pace = AppendPace(report: events.report) {
            [log.sealingBacklog(limits)] + projections.backlogs()
        }
        self.pace = pace
        self.projections = projections
        self.hub = hub
        self.maintenance = maintenance
        self.indexer = indexer
        rolls = Monitor(RollBudget(options.rolls))
        self.scrubber = scrubber
        self.failure = failure
        writer = WriterThread(
            Committer(
                LocalCommitLog(
                    writer: logWriter,
                    slowCommit: .milliseconds(options.slowCommitMilliseconds),
                    report: events.report
                ),
                log: log,
                clock: clock,
                limits: options.lookups,
                pace: pace,
                report: events.report
            ),
            options: options,
            pace: pace,
            callbacks: WriterThread.Callbacks(
                committed: {
                    projections.wake()
                    hub.wake()
                    indexer.advance()
                },
                rolled: {
                    indexer.wake()
                    maintenance.wake()
                },
                parked: { lookups.add($0) },
                failed: { error in
                    failure.set(error)
                    events.failed(error)
                }
            )
        )
        lookups.start { [weak writer] batch in
            // Where the writer has gone, nobody else has it.
            if writer?.submit(batch) != true {
                batch.refuseRest(StoreError(.failed, "the store is closing"))
                batch.sink.complete([batch])
            }
        }
        projections.start()
        hub.start()
        indexer.start()
        maintenance.start()
        scrubber.start()
    }

    /// Whether long work is to end at its next step.
    var isEnding: Bool { isStopping.load(ordering: .relaxed) }

    /// Has long work end at its next step, so that a stop need not wait for it.
    package func beginStopping() {
        isStopping.store(true, ordering: .relaxed)
    }

    /// Finishes and acknowledges what has been submitted, takes last snapshots, and lets go of the directory.
    package func close() {
        lookups.close()
        writer.close()
        hub.close()
        scrubber.close()
        indexer.close()
        maintenance.close()
        projections.close()
    }

    /// Which store this is, for ever.
    package var uuid: EventUUID { EventUUID(bytes: log.store.store.bytes) }

    /// Throws `position` where positions belong to another store than this; nil says nothing of that.
    package func check(_ store: EventUUID?) throws(StoreError) {
        guard let store, store != uuid else { return }
        throw StoreError(
            .position,
            ids: [tail],
            "the position is of store \(store), and this is store \(uuid), whose last event is \(tail): "
                + "begin anew, or go on from an event that both have"
        )
    }

    /// The last durable event.
    package var tail: EventID { EventID(log.view.tail) }

    /// Why the store takes no more appends; nil while it does.
    package var appendFailure: StoreError? { failure.get() }

    // MARK: Appending

    /// Hands a batch to the writer; its sink gets it back when every unit has its outcome, but for those that are looked up
    /// elsewhere, which it gets later, in batches of their own. False once the store is closed.
    package func submit(_ batch: AppendBatch) -> Bool {
        writer.submit(batch)
    }

    /// Commits a small batch on the caller's thread, where the caller seems to be alone; this blocks for one sync. On true
    /// the batch is complete and its sink is not called; on false nothing has been done, and the batch can be submitted.
    package func commitAlone(_ batch: AppendBatch) -> Bool {
        writer.commitAlone(batch)
    }

    /// Whether so much is staged that connections should wait before they hand in more.
    package var isCongested: Bool { writer.isCongested }

    /// Closes the active segment. Returns the ids in it; nil where it was empty. Throws where that was asked for too often:
    /// see `RollLimit`.
    package func roll(_ completion: @escaping @Sendable (Result<ClosedRange<EventID>?, StoreError>) -> Void) {
        let (rolls, log) = (rolls, log)
        // Asked on the writer's thread, one roll after the other, so that each sees what those before it have left.
        let objection = { @Sendable () -> StoreError? in
            rolls.update { $0.objection(waiting: log.statistics.waitingSegments, now: .now) }
        }
        writer.roll(unless: objection) { result in
            completion(result.map { $0.map { EventID($0.lowerBound)...EventID($0.upperBound) } })
        }
    }

    // MARK: Subscriptions

    /// Brings every event that matches to the sink, from `filter.after` on, then live. Where it is nil, from the
    /// beginning. Where `filter.asOf` is a moment to come, what is committed until then. Users have equal shares of the time that
    /// is spent on subscriptions.
    package func subscribe(
        _ filter: Filter,
        of user: UInt32,
        sink: any SubscriptionSink
    ) throws(StoreError) -> Subscription {
        var (filter, asOf) = (filter, Timestamp?.none)
        if case .time(let time) = filter.asOf {
            asOf = time
            filter.asOf = nil
        }
        return hub.add(try LogQuery(filter, in: log.view), recordedBy: asOf, of: user, sink: sink)
    }

    package var subscriptionCount: Int { hub.count }

    // MARK: Projections

    /// The projections that are kept live.
    package func projectionStatuses() -> [ProjectionStatus] { projections.statuses() }

    /// Folds a projection again from the first event.
    package func rebuildProjection(_ name: String) throws(StoreError) { try projections.rebuild(name) }

    /// Reads the reducers' folder anew and makes exactly these projections live. Throws, and changes nothing, where the folder
    /// cannot be read or a projection has no reducer; another file that is none is passed over.
    package func reload(projections names: [String]) throws(StoreError) {
        let old = try reducers.reload()
        do throws(StoreError) {
            try projections.configure(names)
        } catch {
            reducers.restore(old)
            throw error
        }
    }

    /// Takes a snapshot of every projection that has moved since its last.
    package func snapshot() throws(StoreError) -> [(projection: String, position: EventID, bytes: Int)] {
        try projections.snapshotAll().map { ($0.name, $0.position, $0.bytes) }
    }

    /// Returns once the writer has taken this up; a writer that hangs never does. False once the store is closed.
    package func reachWriter() async -> Bool {
        await withCheckedContinuation { continuation in
            let accepted = writer.request { _ in continuation.resume(returning: true) }
            if !accepted { continuation.resume(returning: false) }
        }
    }

    // MARK: Upkeep

    /// Seals what is closed, then merges whatever can be merged.
    package func compact(for work: Work? = nil) throws(StoreError) -> CompactionReport {
        let pace = { !self.isEnding && work?.ending == nil }
        return try inLog { () throws(LogError) in
            while try log.sealOldest(pace: pace) {}
            let report = try log.compact(.everything, sealing: maintenance.isBehind, pace: pace)
            try work?.check()
            _ = try log.replenishSpares()
            return report
        }
    }
}

/// Why a store could not be opened: the log's own reason.
package enum OpenError: Error, Sendable, CustomStringConvertible {
    case log(LogError)

    package var description: String {
        switch self {
        case .log(let error): "\(error)"
        }
    }
}

/// The failure of a store, once it has one.
private final class Failure: Sendable {
    private let error = Mutex<StoreError?>(nil)

    func set(_ error: StoreError) { self.error.withLock { $0 = error } }
    func get() -> StoreError? { error.withLock { $0 } }
}
