// Owns: what is said of a projection.

package import EventModel

/// How a projection is.
package enum ProjectionHealth: Sendable, Equatable {
    /// At the tail, or not behind it for longer than is configured.
    case live
    /// Behind the tail for longer.
    case catchingUp
    /// On its way from a snapshot, or from the beginning.
    case rebuilding
    /// Stopped by its reducer, with the reason; the log and the others go on.
    case faulted(StoreError)
}

package struct ProjectionStatus: Sendable {
    package let name: String
    /// The events up to this one have been looked at.
    package let position: EventID
    /// Events behind the tail.
    package let lag: UInt64
    package let eventsProcessed: UInt64
    package let health: ProjectionHealth
    /// Ids that could not be read and are lacking in the state.
    package let lacking: [ClosedRange<EventID>]
    /// While it is catching up or being rebuilt: events a second that it has looked at lately, and in how many seconds it will be at the
    /// tail. Nil where that is not known, or it does not come nearer.
    package var rate: Double?
    package var secondsLeft: Double?
}

extension ProjectionHealth {
    package var isFaulted: Bool {
        if case .faulted = self { true } else { false }
    }
}
