// Owns: what must hold after any crash: what was acknowledged is there, nothing is there that was not submitted, a second
// recovery finds what the first did, and the log goes on as if nothing had happened.

import Disk
import DiskSimulation
import SegmentLog

/// Judges a disk after a restart. Says what is wrong; nothing, if all is well.
struct CrashOracle {
    let history: CrashHistory
    /// A disk between the log and the simulated one, where there is to be one.
    var wrap: @Sendable (SimulatedDisk) -> any Disk = { $0 }

    func violations(on disk: SimulatedDisk) -> [String] {
        var found: [String] = []
        do {
            let recovered = try open(disk, &found) { log, _, report, found in
                if !report.damage.isEmpty { found.append("damage reported: \(report.notes)") }
                if !history.allowed.contains(try log.view.records()) {
                    found.append("recovered \(log.view.tail), acknowledged \(history.acknowledged) frames")
                }
                return try log.view.records()
            }
            guard found.isEmpty else { return found }
            try open(disk, &found) { log, writer, report, found in
                if try log.view.records() != recovered { found.append("a second recovery finds something else") }
                if report.tornBytes > 0 { found.append("a second recovery finds torn bytes: \(report.notes)") }
                try goOn(log, writer, from: recovered, &found)
            }
        } catch {
            found.append("\(error)")
        }
        return found
    }

    /// Appends, seals and compacts, and reads the same all the while.
    private func goOn(
        _ log: SegmentLog,
        _ writer: LogWriter,
        from recovered: [TestRecord],
        _ found: inout [String]
    ) throws(LogError) {
        var expected = recovered
        expected += try writer.commit([TestRecord(keys: ["new"], payload: noise(100, seed: 1))], at: 10_000)
        try writer.roll()
        expected += try writer.commit([TestRecord(keys: ["new", "all"]), TestRecord()], at: 10_001)
        if try log.view.records() != expected { found.append("appends after recovery are lost or wrong") }
        while try log.sealOldest() {}
        if try log.view.records() != expected { found.append("sealing changed the records") }
        _ = try log.compact(.everything)
        _ = try log.replenishSpares()
        if try log.view.records() != expected { found.append("compaction changed the records") }
        let query = LogQuery(keys: KeyExpression(alternatives: [[[Array("all".utf8)]]]))
        if try log.view.records(query) != expected.filter({ $0.keys.contains("all") }) {
            found.append("the index disagrees with the records")
        }
        let verification = try log.verify()
        if !verification.isClean { found.append("verify: \(verification.problems) \(verification.damage)") }
    }

    @discardableResult
    private func open<Result>(
        _ disk: SimulatedDisk,
        _ found: inout [String],
        _ body: (SegmentLog, LogWriter, RecoveryReport, inout [String]) throws -> Result
    ) throws -> Result {
        let opened = try SegmentLog.open(
            wrap(disk),
            directory: CrashWorkload.directory,
            options: .small,
            now: RecordTime(5_000)
        )
        return try body(opened.log, opened.writer, opened.report, &found)
    }
}
