// Owns: the promises of what is done to a whole store on request: once for all who ask meanwhile, for as long as one of them
// waits, and never in a reader's place.

import EventStore
import EventWire
import NIOCore
import NIOPosix
import SegmentLog
import Synchronization
import Testing

@testable import EventStoreServer

@Suite(.timeLimit(.minutes(20))) struct UpkeepTests {
    private func run(_ body: (Upkeep, any EventLoop) async throws -> Void) async throws {
        let (upkeep, group) = (Upkeep(), MultiThreadedEventLoopGroup(numberOfThreads: 1))
        try await body(upkeep, group.next())
        await upkeep.close()
        try await group.shutdownGracefully()
    }

    /// Says when it has been done so many times, and holds it until it is let go on.
    private final class Task: Sendable {
        private let state = Mutex((times: 0, isHeld: true))

        var times: Int { state.withLock(\.times) }
        func letGo() { state.withLock { $0.isHeld = false } }

        func perform(_ work: Work, ends: Bool = false) -> [UInt8] {
            let number = state.withLock { state in
                state.times += 1
                return state.times
            }
            while state.withLock(\.isHeld), !ends || work.ending == nil {}
            return [UInt8(number)]
        }
    }

    @Test func `Whoever asks for what is being done has the same answer, and it is done once`() async throws {
        try await run { upkeep, loop in
            let task = Task()
            var answers = [upkeep.ask(.verify, for: Work(), on: loop) { task.perform($0) }]
            #expect(eventually { task.times == 1 })
            for _ in 0..<9 { answers.append(upkeep.ask(.verify, for: Work(), on: loop) { task.perform($0) }) }
            // Another thing waits for its turn.
            let other = upkeep.ask(.compact, for: Work(), on: loop) { _ in [99] }
            task.letGo()
            for answer in answers {
                let bytes = try await answer.get()
                #expect(bytes == [1])
            }
            let compacted = try await other.get()
            #expect(compacted == [99])
            #expect(task.times == 1)
            // Later it is done anew.
            let later = try await upkeep.ask(.verify, for: Work(), on: loop) { task.perform($0) }.get()
            #expect(later == [2])
        }
    }

    @Test func `It ends when the last has gone who asked`() async throws {
        try await run { upkeep, loop in
            let (task, one, other) = (Task(), Work(), Work())
            let answers = [one, other].map { upkeep.ask(.verify, for: $0, on: loop) { task.perform($0, ends: true) } }
            one.end(.cancelled)
            try await _Concurrency.Task.sleep(for: .milliseconds(50))
            let isDone = Atomic(false)
            answers[0].whenComplete { _ in isDone.store(true, ordering: .relaxed) }
            #expect(!isDone.load(ordering: .relaxed) && task.times == 1)
            other.end(.cancelled)
            for answer in answers {
                let bytes = try await answer.get()
                #expect(bytes == [1])
            }
        }
    }

    @Test func `Whoever comes when all others have gone has it done once more`() async throws {
        try await run { upkeep, loop in
            let (task, gone) = (Task(), Work())
            let hasEnded = Atomic(false)
            let perform = { @Sendable (work: Work) -> [UInt8] in
                while task.times == 0, work.ending == nil {}
                hasEnded.store(true, ordering: .relaxed)
                return task.perform(work)
            }
            let first = upkeep.ask(.verify, for: gone, on: loop, perform)
            gone.end(.cancelled)
            #expect(eventually { hasEnded.load(ordering: .relaxed) })
            let later = upkeep.ask(.verify, for: Work(), on: loop, perform)
            task.letGo()
            // What was ended is nobody's answer.
            let nothing = try? await first.get()
            #expect(nothing == nil)
            let answer = try await later.get()
            #expect(answer == [2])
        }
    }

    @Test func `Operators' work takes no reader`() async throws {
        try await TestServer.run(server: { $0.readers = 1 }) { test in
            let task = Task()
            let loop = test.server.core.loops[0].eventLoop
            let held = test.server.core.upkeep.ask(.compact, for: Work(), on: loop) { task.perform($0) }
            let asking = try test.connect()
            try asking.send([["EV.VERIFY"], ["EV.SNAPSHOT"]])
            #expect(try test.connect().ask("EV.COUNT") == .integer(0))
            task.letGo()
            _ = try await held.get()
            #expect(try asking.receive(2).allSatisfy { $0.text?.hasPrefix("{") == true })
        }
    }
}
