// Owns: files of a small store that were cut, lengthened, removed or replaced: some of them here, every one in
// `faultsim files`.

import FaultSimulation
import Testing

@Suite struct FileFaultTests {
    @Test func `A file that is cut, longer, gone or another one is told, and no id is given twice`() async {
        let report = await FileFaults(step: 23).run(jobs: 2)
        #expect(report.violations == [])
        #expect(report.degraded > 50 && report.whole > 50 && report.refused > 0)
    }
}
