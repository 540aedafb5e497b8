// Owns: crashes at the operations of one life, and of the recoveries from them: a part of them here, all of them in
// `faultsim explore`.

import DiskSimulation
import FaultSimulation
import Testing

@Suite struct CrashExplorationTests {
    @Test func `The life comes to its end where nothing goes wrong`() {
        let exploration = CrashExploration(seeds: 0..<1)
        #expect(exploration.operations.count > 200)
        #expect(exploration.violationsOfWholeLife() == [])
    }

    @Test(arguments: 0..<2)
    func `An acknowledged record survives a crash at a disk operation, and at one of the recovery`(
        half: Int
    ) {
        let exploration = CrashExploration(seeds: 0..<2)
        var report = CrashExploration.Report()
        for operation in exploration.operations.enumerated() where operation.offset % 22 == half * 11 {
            exploration.explore(operation.element, &report)
        }
        #expect(report.violations == [])
        #expect(report.crashes > 100)
    }

    @Test(arguments: [BrokenPromiseDisk.Promise.sync, .syncDirectory])
    func `A disk that breaks a promise is found out`(promise: BrokenPromiseDisk.Promise) {
        let exploration = CrashExploration(seeds: 0..<4) { BrokenPromiseDisk($0, breaks: promise) }
        var report = CrashExploration.Report()
        for operation in exploration.operations.reversed() where report.violations.isEmpty {
            exploration.explore(operation, &report)
        }
        #expect(report.violations != [])
    }
}
