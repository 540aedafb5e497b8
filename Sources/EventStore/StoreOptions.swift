// Owns: everything that can be set about a store, with the defaults and the units.

package import Reducers
package import SegmentLog

package struct StoreOptions: Sendable {
    /// Absolute path of the data directory.
    package var directory: String
    package var log = LogOptions()
    /// Threads that pack the blocks of segments, the one that seals or merges among them; 1 to 64.
    package var sealingThreads = 1
    /// A raw segment is closed once its first event is this old, in seconds; 0 for never.
    package var rollAfterSeconds = 3600
    /// How often somebody may ask for that.
    package var rolls = RollLimit()
    package var limits = EventLimits()
    /// Absolute path of the folder with the reducers' Lua files; nil for none.
    package var reducersDirectory: String?
    /// The reducers that are kept live.
    package var projections: [String] = []
    package var reducerLimits = ReducerLimits()
    /// For a reducer whose source comes with a query: from anybody who may ask.
    package var sourceLimits = ReducerLimits(
        instructionsPerEvent: 1_000_000,
        millisecondsPerEvent: 1000,
        memoryBytes: 64 << 20
    )
    package var snapshots = SnapshotPolicy()
    package var scrub = ScrubPolicy()
    /// A projection that is behind the tail for longer is not called live, in milliseconds.
    package var projectionLiveMilliseconds = 1000
    /// How long an answer waits for a projection that lags, in milliseconds.
    package var projectionWaitMilliseconds = 5000
    /// How long the writer is idle before it proves its last commit durable with a marker, in milliseconds.
    package var markAfterMilliseconds = 200
    /// A commit that takes longer is reported, in milliseconds.
    package var slowCommitMilliseconds = 1000
    package var lookups = LookupLimits()
    package var backlog = BacklogLimits()
    /// Staged bytes beyond which connections are held back.
    package var inboxBytes = 8 << 20

    package init(directory: String) {
        self.directory = directory
    }
}

/// The sizes that an append may have.
package struct EventLimits: Sendable {
    /// Bytes of data and metadata together.
    package var eventBytes = 1 << 20
    /// Tags of one event; 0 to 250.
    package var tags = 64

    package init() {}
}

package struct SnapshotPolicy: Sendable {
    /// Take one whenever so many events have been looked at since the last.
    package var everyEvents: UInt64 = 250_000
    /// Take one when the last is this old and something has happened, in minutes.
    package var everyMinutes = 10
    /// But not before the fold has had so many times the processor's time that the last one took, so that snapshots take at most
    /// a tenth of a projection's time.
    package var workPerSnapshot = 10
    /// Rungs kept of each projection's ladder; at least 2.
    package var keep = 64

    package init() {}
}
