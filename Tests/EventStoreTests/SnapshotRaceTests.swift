// Owns: that threads which save snapshots at once never spoil each other's: not of one position, not of several.

import Disk
import DiskSimulation
import EventModel
import Foundation
import Reducers
import SegmentLog
import Synchronization
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(5))) struct SnapshotRaceTests {
    @Test func `Snapshots of one position that are saved at once succeed, and the file is one of them, whole`() throws {
        let disk = SimulatedDisk(directory: "/snapshots")
        let (store, source) = (UniqueID.random(), ReducerSource(name: "r", text: Array("return {}".utf8)))
        let snapshots = SnapshotStore(disk, directory: "/snapshots", store: store, keep: 4)
        let failures = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            for round in 1...60 {
                // Of another length each, and not to be compressed away.
                var random = SeededRandom(seed: UInt64(thread * 1000 + round))
                let digits = (0..<200 * (thread + 1)).map { _ in String(UInt64.random(in: 0 ... .max, using: &random)) }
                let position = EventID(UInt64((round - 1) / 15 + 1))
                let snapshot = Snapshot(
                    hash: source.contentHash,
                    position: position,
                    state: FoldState(lastEvent: position, eventsProcessed: 1),
                    stateJSON: Array("[\(digits.joined(separator: ","))]".utf8)
                )
                do {
                    _ = try snapshots.save(snapshot, of: source)
                } catch {
                    failures.withLock { $0.append("\(error)") }
                }
                if snapshots.latest(of: source, through: EventID(.max)) == nil {
                    failures.withLock { $0.append("no snapshot can be read") }
                }
            }
        }
        #expect(failures.withLock { $0 } == [])
        let names = try disk.names(in: "/snapshots/r").sorted()
        #expect(names.allSatisfy { $0.hasSuffix(SnapshotStore.suffix) } && names.count == 4)
        for name in names { #expect(try Snapshot(disk, path: "/snapshots/r/\(name)", store: store) != nil) }
    }
}
