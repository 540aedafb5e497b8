// Owns: flipped bits of a small store: every so many here, every single one in `faultsim flips`.

import FaultSimulation
import Testing

@Suite struct BitFlipTests {
    @Test func `A flipped bit is told, costs what it hit, and nothing vanishes in silence`() async {
        let flips = BitFlips(step: 211)
        let names = flips.files.map { $0.path.split(separator: ".").last ?? "" }
        #expect(names.count { $0 == "segment" } == 2 && names.count { $0 == "active" } == 3)
        #expect(names.count { $0 == "snapshot" } == 3 && names.contains("json") && names.count { $0 == "keys" } == 2)
        let report = await flips.run(jobs: 2)
        #expect(report.violations == [])
        #expect(report.degraded > 50 && report.whole > 20 && report.refused > 0)
    }
}
