// Owns the limits a reducer runs under, and their defaults.

/// What a reducer may use up. A reducer that passes a limit is stopped with ``ReducerError/budget(_:)``.
///
/// The limits guard the process and are not a meter: leave a factor of ten above what a reducer needs.
package struct ReducerLimits: Sendable, Hashable {
    /// Lua instructions for one event, for loading the source and for `initial`, each. Checked every thousand. What a
    /// library function walks is charged in proportion before it does, and what nobody can count (comparing two long
    /// strings) by the processor's time, 200 nanoseconds an instruction.
    package var instructionsPerEvent: Int
    /// Milliseconds of the clock for the same, for a machine that has other things to do, too.
    package var millisecondsPerEvent: Int
    /// Bytes of Lua memory: state, event, garbage and the sandbox itself (about 20 KiB). One string may have a sixteenth.
    package var memoryBytes: Int

    package init(
        instructionsPerEvent: Int = 10_000_000,
        millisecondsPerEvent: Int = 10_000,
        memoryBytes: Int = 256 << 20
    ) {
        precondition(
            instructionsPerEvent > 0 && millisecondsPerEvent > 0 && memoryBytes > 0,
            "limits are positive"
        )
        self.instructionsPerEvent = instructionsPerEvent
        self.millisecondsPerEvent = millisecondsPerEvent
        self.memoryBytes = memoryBytes
    }
}
