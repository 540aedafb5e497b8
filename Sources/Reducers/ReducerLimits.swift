// Owns the limits a reducer runs under, and their defaults.

/// What a reducer may use up. A reducer that passes a limit is stopped with ``ReducerError/budget(_:)``.
///
/// The limits guard the process and are not a meter: leave a factor of ten above what a reducer needs.
package struct ReducerLimits: Sendable, Hashable {
    /// Lua instructions for one event, for loading the source and for `initial`, each. Checked every thousand; work
    /// that instructions do not show (copying, sorting, traversing) is charged in proportion.
    package var instructionsPerEvent: Int
    /// Bytes of Lua memory: state, event, garbage and the sandbox itself (about 20 KiB).
    package var memoryBytes: Int

    package init(instructionsPerEvent: Int = 10_000_000, memoryBytes: Int = 256 << 20) {
        precondition(instructionsPerEvent > 0 && memoryBytes > 0, "limits are positive")
        self.instructionsPerEvent = instructionsPerEvent
        self.memoryBytes = memoryBytes
    }
}
