// Owns: the promises about a disk that fails: what was not made durable is never acknowledged, and reads go on.

import EventModel
import SegmentLog
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(20))) struct FailureTests {
    private func identified(_ n: Int) -> NewEvent {
        var event = NewEvent.numbered(n)
        event.identifier = EventUUID.from(n).description
        return event
    }

    @Test("A failed sync acknowledges nothing of its frame, and the store takes no more appends")
    func failedSync() throws {
        let disk = FaultyDisk()
        let test = try TestStore(disk: disk)
        test.append((0..<10).map { .numbered($0) })
        disk.failSyncs()
        let answers = test.batch { batch in
            NewEvent.numbered(10).withParts { batch.append($0) }
            batch.append(Transaction([.numbered(11), .numbered(12)]))
        }
        #expect(answers == [.refused(.failed, []), .refused(.failed, [])])
        #expect(test.append(.numbered(13)) == .refused(.failed, []))
        #expect(test.transaction([.numbered(13)]) == .refused(.failed, []))
        #expect(throws: StoreError.self) { try test.roll() }
    }

    @Test("A retry that stands for an event of the failed frame is not acknowledged either")
    func failedRetry() throws {
        let disk = FaultyDisk()
        let test = try TestStore(disk: disk)
        #expect(test.append(identified(0)) == .appended([1]))
        disk.failSyncs()
        let answers = test.batch { batch in
            identified(1).withParts { batch.append($0) }
            identified(1).withParts { batch.append($0) }
            batch.append(Transaction([identified(1)]))
            identified(0).withParts { batch.append($0) }
            NewEvent.numbered(9).withParts { batch.append($0, unless: .unless(aggregate: "thing-1", after: 1)) }
        }
        #expect(
            answers == [
                .refused(.failed, []), .refused(.failed, []), .refused(.failed, []), .existing([1]),
                .refused(.failed, []),
            ]
        )
    }

    @Test("After a failed sync reads go on, of what was durable before")
    func readsGoOn() throws {
        let disk = FaultyDisk()
        let test = try TestStore(disk: disk)
        test.append((0..<10).map { .numbered($0) })
        disk.failSyncs()
        test.append(.numbered(10))
        #expect(try test.all().map(\.id.rawValue) == Array(1...10))
        #expect(try test.store.count(.all) == 10)
        #expect(test.store.tail == EventID(10))
        #expect(test.store.info.state == .failed)
        #expect(test.store.appendFailure?.code == .failed)
    }

    @Test("The owner of a store is told once that it has failed")
    func toldOnce() throws {
        let disk = FaultyDisk()
        let test = try TestStore(disk: disk)
        disk.failSyncs()
        for n in 0..<5 { test.append(.numbered(n)) }
        #expect(eventually { test.reportedFailures.count == 1 })
        test.close()
        #expect(test.reportedFailures.map(\.code) == [.failed])
    }

    @Test("A full disk at a roll refuses with NOSPC; when there is room again, appends succeed by themselves")
    func noSpace() throws {
        let disk = FaultyDisk()
        let test = try TestStore(disk: disk) { $0.log.spareFiles = 0 }
        let padding = String(repeating: "x", count: 100_000)
        let event = NewEvent(
            category: "c",
            aggregateID: "a",
            eventType: "t",
            data: Array("{\"p\":\"\(padding)\"}".utf8)
        )
        disk.fillUp()
        var acknowledged: [UInt64] = []
        var refusals = 0
        for _ in 0..<40 where refusals < 3 {
            switch test.append(event) {
            case .appended(let ids): acknowledged += ids
            case .refused(.noSpace, _): refusals += 1
            case let other: Issue.record("\(other)")
            }
        }
        #expect(refusals == 3)
        #expect(test.store.info.state == .full)
        #expect(try test.all().map(\.id.rawValue) == acknowledged)
        disk.makeSpace()
        let next = UInt64(acknowledged.count + 1)
        #expect(test.append(event) == .appended([next]))
        #expect(test.store.info.state == .ok)
        try test.restart()
        #expect(try test.all().map(\.id.rawValue) == Array(1...next))
    }

    @Test("A roll that finds no room says so, and the active segment goes on")
    func noSpaceRoll() throws {
        let disk = FaultyDisk()
        let test = try TestStore(disk: disk) { $0.log.spareFiles = 0 }
        test.append(.numbered(1))
        disk.fillUp()
        let error = #expect(throws: StoreError.self) { try test.roll() }
        #expect(error?.code == .noSpace)
        #expect(test.append(.numbered(2)) == .appended([2]))
        disk.makeSpace()
        #expect(try test.roll() == EventID(1)...EventID(2))
    }
}
