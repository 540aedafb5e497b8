// Owns: what is done to a whole store because somebody asks for it: on a thread of its own, one thing at a time, joined by
// whoever asks for the same meanwhile. So it takes no reader, and ten who ask are one.

import EventModel
import EventStore
import EventWire
import NIOCore
import NIOPosix
import SegmentLog
import Synchronization

/// Operators' work. May be used from any thread.
final class Upkeep: Sendable {
    enum Task: Sendable {
        case verify
        case compact
        case snapshot
    }

    /// Those who wait for one task.
    private struct Run {
        var askers: [(work: Work, answer: EventLoopPromise<[UInt8]>)] = []
    }

    private let runs = Mutex<[Task: Run]>([:])
    private let thread = NIOThreadPool(numberOfThreads: 1)

    init() {
        thread.start()
    }

    /// Does a task, or joins who has it done, and gives the answer, for as long as somebody waits for it.
    func ask(
        _ task: Task,
        for asker: Work,
        on eventLoop: any EventLoop,
        _ perform: @escaping @Sendable (Work) -> [UInt8]
    ) -> EventLoopFuture<[UInt8]> {
        let answer = eventLoop.makePromise(of: [UInt8].self)
        let isFirst = runs.withLock { runs in
            runs[task, default: Run()].askers.append((asker, answer))
            return runs[task]?.askers.count == 1
        }
        if isFirst {
            thread.submit { state in
                if state == .active { self.run(task, perform) } else { self.giveUp(task) }
            }
        }
        return answer.futureResult
    }

    /// Returns once nothing is being done. Whoever waits must have been told to end.
    func close() async {
        try? await thread.shutdownGracefully()
    }

    private func run(_ task: Task, _ perform: (Work) -> [UInt8]) {
        while true {
            let work = Work(endingWhen: { self.ending(of: task) })
            let bytes = perform(work)
            let ending = work.ending
            let askers = runs.withLock { runs -> [EventLoopPromise<[UInt8]>]? in
                // Somebody has come after all had gone, and it was ended for that: once more.
                if ending == .cancelled, runs[task]?.askers.contains(where: { $0.work.ending == nil }) == true {
                    runs[task]?.askers.removeAll { askers in
                        guard askers.work.ending != nil else { return false }
                        askers.answer.fail(ChannelError.eof)
                        return true
                    }
                    return nil
                }
                return runs.removeValue(forKey: task)?.askers.map(\.answer)
            }
            guard let askers else { continue }
            return askers.forEach { $0.succeed(bytes) }
        }
    }

    private func giveUp(_ task: Task) {
        runs.withLock { $0.removeValue(forKey: task) }?.askers.forEach { $0.answer.fail(ChannelError.eof) }
    }

    /// Why a task is to end: everybody who asked has gone, or is to go.
    private func ending(of task: Task) -> Work.End? {
        runs.withLock { runs in
            let endings = (runs[task]?.askers ?? []).map(\.work.ending)
            return endings.contains(nil) ? nil : endings.last ?? .cancelled
        }
    }
}

extension ConnectionHandler {
    /// Has a task done to the whole store, and answers with what came of it.
    func ask(_ task: Upkeep.Task, _ store: EventStore) {
        let answer = server.upkeep.ask(task, for: work, on: eventLoop) { work in
            var replies = ReplyEncoder()
            do throws(StoreError) {
                replies.bulk(try task.perform(on: store, for: work))
            } catch {
                replies.error(error)
            }
            return replies.bytes
        }
        begin(answer)
    }
}

extension Upkeep.Task {
    fileprivate func perform(on store: EventStore, for work: Work) throws(StoreError) -> [UInt8] {
        switch self {
        case .verify: return JSONText.verification(try store.verify(for: work)).bytes
        case .compact:
            let report = try store.compact(for: work)
            return JSONText.object([
                ("segments_before", .number(UInt64(report.segmentsBefore))),
                ("segments_after", .number(UInt64(report.segmentsAfter))),
                ("bytes_before", .number(report.bytesBefore)), ("bytes_after", .number(report.bytesAfter)),
            ]).bytes
        case .snapshot:
            let taken = try store.snapshot().map { snapshot in
                JSONText.object([
                    ("projection", .string(snapshot.projection)), ("event_id", .number(snapshot.position.rawValue)),
                    ("bytes", .number(UInt64(snapshot.bytes))),
                ])
            }
            return JSONText.object([("snapshots", .array(taken))]).bytes
        }
    }
}
