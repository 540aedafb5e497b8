// Owns: `evctl repair`: a clean store from what can be read of a damaged one.

import ArgumentParser
import EventModel
import EventStore
import SegmentLog

struct RepairCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "repair",
        abstract: "Save everything that can be read of a damaged store into a new directory.",
        discussion: """
            Offline, and never in place: the damaged directory is only read, and no daemon may have it. Events keep their \
            ids, times and bytes; ids that are lost are gaps, and none is ever given again. The new store has an identity \
            of its own and folds its projections anew; it has the owner and the mode of the old one. What is lost is printed, and kept in repair.json beside the new \
            store.

            Exit 0: nothing was lost. Exit 6: the new store is complete and clean, and lacks the events that are named; or \
            there was nothing to save, and nothing is printed on standard output. After any other status, and after an \
            interruption, what is in the new directory is no store: remove it.
            """
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions

    @Option(help: ArgumentHelp("The damaged store.", valueName: "dir"))
    var dataDir: String

    @Option(help: ArgumentHelp("Where the new store goes: a directory that is missing or empty.", valueName: "dir"))
    var into: String

    func run(in invocation: Invocation) async throws {
        let old = try DirectoryPath.existing(dataDir)
        let new = try DirectoryPath.new(into)
        guard new != old, !new.hasPrefix(old + "/") else {
            throw Failure(.usage, "--into: \(new) lies in the damaged store, which is not written to")
        }
        let steps = 1000.0
        var meter = ProgressMeter(.percent, total: UInt64(steps), isShown: global.showsProgress(invocation))
        let report: SalvageReport
        do {
            report = try EventStore.repair(directory: old, into: new) { share in
                meter.update(UInt64(saturating: share * steps))
            }
            meter.clear()
        } catch {
            meter.clear()
            throw error
        }
        let problem = Ownership(of: old)?.give(to: new)
        try global.print(report: Array(report.json.utf8), in: invocation) { _ in
            ["\(Quantity.counted(report.records, "event")) saved in \(new)"]
        }
        if let problem { invocation.note(problem) }
        guard report.lost.isEmpty else {
            throw Failure(.corruption, "events are lost", details: report.lost.map(Self.sentence))
        }
    }

    private static func sentence(_ ids: ClosedRange<RecordID>) -> String {
        "events \(ids.lowerBound) to \(ids.upperBound)"
    }
}
