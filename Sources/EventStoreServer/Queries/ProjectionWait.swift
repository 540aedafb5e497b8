// Owns: waiting for a projection, without a thread: the question lies with its connection until the projection has come to where
// it is asked about, or its time is up.

import EventModel
import EventStore
import EventWire
import NIOCore
import SegmentLog

extension ConnectionHandler {
    /// Whether the first question has to wait, and will be gone on with when it need not.
    func waitsForProjection() -> Bool {
        guard case .projection(let request)? = run.first else { return false }
        let store = server.store
        let target = run.target ?? store.tail
        // It has waited as long as it may.
        guard run.target == nil, work.ending == nil else { return false }
        run.target = target
        let wait = ProjectionWait(NIOLoopBound(self, eventLoop: eventLoop))
        let milliseconds = store.projectionWait(past: request.isOfThePast)
        guard
            let waiting = store.awaitProjection(
                request.name,
                reaching: request.isOfThePast ? nil : target,
                { wait.end() }
            )
        else { return false }
        wait.waiting = waiting
        isExecuting = true
        executingBytes = 0
        projectionWait = wait
        wait.end(in: .milliseconds(Int64(milliseconds)))
        return true
    }

    /// Ends whatever is done for the client.
    func endWork(_ reason: Work.End) {
        work.end(reason)
        projectionWait?.end()
    }
}

/// A question that waits for a projection.
///
/// `@unchecked Sendable` because its state is used on the event loop alone.
final class ProjectionWait: @unchecked Sendable {
    private let connection: NIOLoopBound<ConnectionHandler>
    private var timeout: Scheduled<Void>?
    /// With the projection.
    var waiting: ProjectionWaiting?
    private var isDone = false

    init(_ connection: NIOLoopBound<ConnectionHandler>) {
        self.connection = connection
    }

    func end(in time: TimeAmount) {
        timeout = connection.eventLoop.scheduleTask(in: time) { self.end() }
    }

    /// From any thread; has the question gone on with.
    func end() {
        connection.eventLoop.execute {
            guard !self.isDone else { return }
            self.isDone = true
            self.timeout?.cancel()
            self.waiting?.cancel()
            let connection = self.connection.value
            connection.projectionWait = nil
            connection.isExecuting = false
            connection.proceed()
        }
    }
}
