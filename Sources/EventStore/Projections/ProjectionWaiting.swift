// Owns: what a question about a projection waits for before it can be answered, for those who do not wait on a thread.

package import EventModel

extension EventStore {
    /// Milliseconds that a question about a projection may wait: about now until it has caught up, about the past until it has
    /// been restored.
    package func projectionWait(past: Bool) -> Int {
        past ? Projection.restoreMilliseconds : options.projectionWaitMilliseconds
    }

    /// Whether a projection has come to an event, or, for questions about the past, to where its snapshots are known; and where it
    /// will never, so that there is nothing to wait for.
    package func hasProjection(_ name: String, reached target: EventID?) -> Bool {
        guard let projection = try? projections.projection(name) else { return true }
        return projection.has(need(target))
    }

    /// Has `wake` called, once and from any thread, when that has come to be. Nil where it is so already.
    package func awaitProjection(
        _ name: String,
        reaching target: EventID?,
        _ wake: @escaping @Sendable () -> Void
    ) -> ProjectionWaiting? {
        guard let projection = try? projections.projection(name) else { return nil }
        return projection.notify(need(target), wake).map { ProjectionWaiting(projection: projection, number: $0) }
    }

    private func need(_ target: EventID?) -> ProjectionProgress.Need { target.map { .reached($0) } ?? .begun }
}

/// Somebody's wait for a projection.
package struct ProjectionWaiting: Sendable {
    let projection: Projection
    let number: UInt64

    /// Waits no more.
    package func cancel() { projection.forget(number) }
}
