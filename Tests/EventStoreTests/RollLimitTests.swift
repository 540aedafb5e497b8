// Owns: that nobody fills the disk by asking for rolls, and that the writer's own rolls are never refused.

import EventModel
import Foundation
import SegmentLog
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(20))) struct RollLimitTests {
    private let start = ContinuousClock.now

    /// How many of a hundred rolls at once are let in.
    private func admitted(_ budget: inout RollBudget, at time: Duration) -> Int {
        var count = 0
        for _ in 0..<100 where budget.objection(waiting: 0, now: start + time) == nil { count += 1 }
        return count
    }

    @Test func `Ten rolls are let in at once, then one a second, and never more than ten after a rest`() {
        var budget = RollBudget(RollLimit())
        #expect(admitted(&budget, at: .zero) == 10)
        #expect(admitted(&budget, at: .milliseconds(999)) == 0)
        #expect(admitted(&budget, at: .milliseconds(1000)) == 1)
        #expect(admitted(&budget, at: .milliseconds(4500)) == 3)
        #expect(admitted(&budget, at: .milliseconds(4999)) == 0)
        #expect(admitted(&budget, at: .milliseconds(5000)) == 1)
        #expect(admitted(&budget, at: .seconds(1_000_000)) == 10)
    }

    @Test func `A refusal says why, and when to come again, and coming then is right`() throws {
        var budget = RollBudget(RollLimit())
        #expect(admitted(&budget, at: .zero) == 10)
        let objection = budget.objection(waiting: 0, now: start + .microseconds(250_300))
        let error = try #require(objection)
        #expect(error.code == .other)
        #expect(error.message.hasSuffix("10 at once, then one in 1000 ms; come again in 750 ms"))
        #expect(budget.objection(waiting: 0, now: start + .microseconds(250_300) + .milliseconds(750)) == nil)
    }

    @Test func `With eight closed segments waiting there is no roll, and being refused costs nothing`() throws {
        var budget = RollBudget(RollLimit())
        for _ in 0..<100 {
            let objection = budget.objection(waiting: 8, now: start)
            let error = try #require(objection)
            #expect(error.code == .other)
            #expect(error.message.hasPrefix("8 closed segments wait to be sealed"))
            #expect(error.message.hasSuffix("segments_raw in EV.INFO is down to 8"))
        }
        #expect(budget.objection(waiting: 7, now: start) == nil)
        #expect(admitted(&budget, at: .zero) == 9)
    }

    @Test func `A storm of rolls is refused; the segments that the writer closes itself are not counted`() throws {
        let test = try TestStore { $0.rolls = RollLimit() }
        let data = [UInt8](repeating: UInt8(ascii: "x"), count: 300_000)
        for n in 0..<60 {
            let big = Array(#"{"n":\#(n),"x":""#.utf8) + data + Array(#""}"#.utf8)
            let event = NewEvent(category: "c", aggregateID: "a", eventType: "t", data: big)
            #expect(test.append(event) == .appended([UInt64(n + 1)]))
        }
        #expect(eventually { test.store.info.log.rawSegments == 1 })
        #expect(test.store.info.log.sealedSegments > 0)
        var (rolled, refused) = (0, 0)
        let begun = ContinuousClock.now
        for n in 60..<160 {
            test.append(.numbered(n))
            do {
                if try test.roll() != nil { rolled += 1 }
            } catch let error as StoreError {
                #expect(error.code == .other)
                refused += 1
            }
        }
        let seconds = Int(begun.duration(to: .now) / .seconds(1))
        #expect(rolled <= 11 + seconds && refused == 100 - rolled)
        // It was no trouble to the store: it appends, and after a rest it rolls.
        #expect(test.append(.numbered(160)) == .appended([161]))
        #expect(eventually { (try? test.roll()) ?? nil != nil })
    }

    @Test func `A store that takes no more appends says that, however often it is asked to roll`() throws {
        let disk = FaultyDisk()
        let test = try TestStore(disk: disk) { $0.rolls = RollLimit() }
        disk.failSyncs()
        test.append(.numbered(1))
        for _ in 0..<20 {
            #expect(#expect(throws: StoreError.self) { try test.roll() }?.code == .failed)
        }
    }
}
