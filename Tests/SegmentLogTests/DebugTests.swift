import Disk
import DiskSimulation
import SegmentLog
import Testing
@Test func `debug one`() {
        let disk = SimulatedDisk()
        let c = ContinuousClock()
        var h = CrashHistory()
        let t = c.measure { h = CrashWorkload.run(on: disk) }
        print("OPS", disk.operations, disk.changingOperations.count, t)
        disk.restart(seed: 3)
        var cp = disk.copy()
        print("COPY", c.measure { cp = disk.copy() })
        print("ORACLE", c.measure { _ = CrashOracle(history: h).violations(on: cp) })
}
