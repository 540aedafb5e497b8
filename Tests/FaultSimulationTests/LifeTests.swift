// Owns: long lives of a log under chance, some hundreds of them; many more are lived by `faultsim`.

import FaultSimulation
import Testing

@Suite struct LifeTests {
    @Test func `A log survives whatever its disk does to it`() async {
        let run = await SeedRun.lives(0..<150, hasDamage: false, jobs: 2)
        #expect(run.violations.map { "seed \($0.seed): \($0.reason)" } == [])
        #expect(run.seeds == 150 && run.tally.crashes > 100 && run.tally.failures > 30 && run.tally.records > 3_000)
    }

    @Test func `Damage at rest is named, costs what it hit, and is survived`() async {
        let run = await SeedRun.lives(0..<150, hasDamage: true, jobs: 2)
        #expect(run.violations.map { "seed \($0.seed): \($0.reason)" } == [])
        #expect(run.tally.damages > 100 && run.tally.holes > 50 && run.tally.refusals > 10)
    }

    @Test(arguments: [3, 4, 5] as [UInt64]) func `A seed brings the same life back`(seed: UInt64) {
        let lives = (1...2).map { _ in
            var life = Life(seed: seed, hasDamage: false)
            return (life.violations(), life.tally)
        }
        #expect(lives[0].0 == [] && "\(lives[0].1)" == "\(lives[1].1)")
    }
}
