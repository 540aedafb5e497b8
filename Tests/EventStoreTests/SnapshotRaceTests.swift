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

@Suite(.timeLimit(.minutes(20))) struct SnapshotRaceTests {
    private static let store = UniqueID.random()

    /// Of a log without any event.
    private static func snapshots(on disk: any Disk) -> SnapshotStore {
        SnapshotStore(disk, directory: "/snapshots", store: store, keep: 4) {
            LogView(segments: [], damage: [], tail: .zero)
        }
    }

    /// Of another length for each thread, and not to be compressed away.
    private static func snapshot(of source: ReducerSource, at position: UInt64, thread: Int) -> Snapshot {
        var random = SeededRandom(seed: UInt64(thread) << 32 | position)
        let digits = (0..<50 * (thread + 1)).map { _ in String(UInt64.random(in: 0 ... .max, using: &random)) }
        return Snapshot(
            hash: source.contentHash,
            position: EventID(position),
            state: FoldState(lastEvent: EventID(position), eventsProcessed: 1),
            stateJSON: Array("[\(digits.joined(separator: ","))]".utf8)
        )
    }

    @Test func `A snapshot that only a later version may remove is not replaced by one of the same position`() throws {
        let disk = SimulatedDisk(directory: "/snapshots")
        let source = ReducerSource(name: "r", text: Array("return {}".utf8))
        var later = Self.snapshot(of: source, at: 3, thread: 1).encoded(store: Self.store)
        // A bit that must be known to write, and the checksum anew.
        later[36] = 1
        later.replaceSubrange(12..<16, with: [0, 0, 0, 0])
        let crc = Checksum.crc32(later)
        later.replaceSubrange(12..<16, with: (0..<4).map { UInt8(truncatingIfNeeded: crc >> (8 * $0)) })
        try disk.createDirectory("/snapshots/r")
        let path = "/snapshots/r/" + SnapshotStore.name(of: EventID(3))
        try disk.open(path, .createNew).write(later, at: FileOffset(0))
        let snapshots = Self.snapshots(on: disk)
        #expect(snapshots.load(source, tail: EventID(9)) == [])
        // One that cannot be read at all is nobody's to replace, either.
        let damaged = "/snapshots/r/" + SnapshotStore.name(of: EventID(2))
        try disk.open(damaged, .createNew).write([1, 2, 3], at: FileOffset(0))
        for position in [2, 3] as [UInt64] {
            #expect(try snapshots.save(Self.snapshot(of: source, at: position, thread: 2), of: source) == nil)
        }
        #expect(try snapshots.save(Self.snapshot(of: source, at: 4, thread: 2), of: source) != nil)
        #expect(try disk.contents(of: path) == later && disk.contents(of: damaged) == [1, 2, 3])
        #expect(snapshots.latest(of: source, through: EventID(9))?.position == EventID(4))
    }

    @Test func `Snapshots of one position that are saved at once succeed, and the file is one of them, whole`() throws {
        let disk = DawdlingDisk(SimulatedDisk(directory: "/snapshots"))
        let source = ReducerSource(name: "r", text: Array("return {}".utf8))
        let snapshots = Self.snapshots(on: disk)
        let failures = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 4) { thread in
            for round in 0..<20 as Range<UInt64> {
                do {
                    _ = try snapshots.save(Self.snapshot(of: source, at: round / 5 + 1, thread: thread), of: source)
                    if snapshots.latest(of: source, through: EventID(.max)) == nil {
                        failures.withLock { $0.append("no snapshot can be read") }
                    }
                } catch {
                    failures.withLock { $0.append("\(error)") }
                }
            }
        }
        #expect(failures.withLock { $0 } == [])
        let names = try disk.names(in: "/snapshots/r").sorted()
        #expect(names.allSatisfy { $0.hasSuffix(SnapshotStore.suffix) } && names.count == 4)
        for name in names {
            #expect(try Snapshot(disk, path: "/snapshots/r/\(name)", store: Self.store) != nil)
        }
    }

    @Test func `Who reads a snapshot does not wait for one that is being saved`() throws {
        let disk = DawdlingDisk(SimulatedDisk(directory: "/snapshots"))
        let source = ReducerSource(name: "r", text: Array("return {}".utf8))
        let snapshots = Self.snapshots(on: disk)
        _ = try snapshots.save(Self.snapshot(of: source, at: 1, thread: 0), of: source)
        disk.stop()
        let saver = Thread { _ = try? snapshots.save(Self.snapshot(of: source, at: 2, thread: 0), of: source) }
        saver.start()
        #expect(eventually { disk.hasStopped })
        #expect(snapshots.latest(of: source, through: EventID(2))?.position == EventID(1))
        disk.goOn()
        #expect(eventually { snapshots.latest(of: source, through: EventID(2))?.position == EventID(2) })
    }
}

/// A disk that takes its time between the making of a temporary file and the first write to it, or all the time there is.
private final class DawdlingDisk: Disk {
    private let disk: SimulatedDisk
    private let state = Monitor((mustStop: false, hasStopped: false))

    init(_ disk: SimulatedDisk) {
        self.disk = disk
    }

    func stop() { state.update { $0.mustStop = true } }
    func goOn() { state.update { $0.mustStop = false } }
    var hasStopped: Bool { state.withLock { $0.hasStopped } }

    func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any DiskFile {
        let file = try disk.open(path, mode)
        if mode == .createOrTruncate {
            usleep(1000)
            _ = state.wait { state in
                state.hasStopped = state.mustStop
                return state.mustStop ? nil : true
            }
        }
        return file
    }

    func createDirectory(_ path: String) throws(DiskError) { try disk.createDirectory(path) }
    func names(in directory: String) throws(DiskError) -> [String] { try disk.names(in: directory) }
    func rename(_ source: String, to destination: String) throws(DiskError) { try disk.rename(source, to: destination) }
    func remove(_ path: String) throws(DiskError) { try disk.remove(path) }
    func syncDirectory(_ path: String) throws(DiskError) { try disk.syncDirectory(path) }
    func lock(_ path: String) throws(DiskError) -> (any DiskLock)? { try disk.lock(path) }
    func lockDirectory(_ path: String) throws(DiskError) -> (any DiskLock)? { try disk.lockDirectory(path) }
    func freeBytes(at path: String) throws(DiskError) -> UInt64 { try disk.freeBytes(at: path) }
}
