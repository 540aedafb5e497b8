// Owns: every file of a small store, at each step of its growth, cut at every sector, lengthened, removed, and replaced by
// each older copy of itself and by each other file of its kind, one at a time; and what must come of it:
//
//   * the store opens, or refuses for a reason; only `store.json` is reason enough;
//   * every record is given as it was, or refused by name, and the log and `verify` tell of it;
//   * a file in use that is shorter or longer is told, even where it has cost nothing;
//   * commits go on, under ids that were never given, and the next start finds them.

import Disk
import DiskSimulation
import SegmentLog

package struct FileFaults: Sendable {
    package struct Report: Summable {
        package var faults = 0
        /// The store did not open, and said why.
        package var refused = 0
        /// It opened, and some records were refused by name.
        package var degraded = 0
        /// It opened, and every record was given.
        package var whole = 0
        /// Records refused, over all faults.
        package var recordsRefused = 0
        package var violations: [String] = []

        package init() {}

        package static func += (sum: inout Report, other: Report) {
            sum.faults += other.faults
            sum.refused += other.refused
            sum.degraded += other.degraded
            sum.whole += other.whole
            sum.recordsRefused += other.recordsRefused
            sum.violations += other.violations
        }
    }

    /// What becomes of a file.
    private enum Change: CustomStringConvertible {
        case cut(to: Int)
        case lengthen(by: [UInt8])
        case remove
        case older([UInt8], of: Int)
        case other([UInt8], of: String)

        var description: String {
            switch self {
            case .cut(let size): "cut to \(size)"
            case .lengthen(let bytes): "lengthened by \(bytes.count) bytes of \(bytes[0])"
            case .remove: "removed"
            case .older(_, let step): "as it was after step \(step)"
            case .other(_, let path): "as \(path) is"
            }
        }

        var kind: Life.Damage.Kind {
            switch self {
            case .cut: .cut
            case .lengthen: .lengthened
            case .remove: .removed
            case .older, .other: .replaced
            }
        }
    }

    private struct Fault {
        let store: Int
        let path: String
        let change: Change
    }

    /// How a store came to its end.
    private enum End: CaseIterable {
        case killed
        /// Killed, started again, and killed at once.
        case restarted
        /// Killed, started again, and stopped in good order.
        case stopped
    }

    /// A store after so many steps.
    private struct Store {
        let life: Life
        let steps: Int
        let end: End
    }

    private let stores: [Store]
    private let faults: [Fault]

    /// Every `step`-th fault.
    package init(step: Int = 1) {
        var stores: [Store] = []
        var faults: [Fault] = []
        var images: [[String: [UInt8]]] = []
        for (step, grown) in Life.grown(by: Life.smallStore).enumerated() {
            images.append(grown.disk.image.compactMapValues(\.self))
            for end in End.allCases {
                var life = grown.copy()
                switch end {
                case .killed: break
                case .restarted: _ = try? life.open(.calm)
                case .stopped: life.live(.calm, [], isLast: false)
                }
                life.disk.restartProcess()
                let files = life.disk.image.compactMapValues(\.self)
                faults += files.sorted { $0.key < $1.key }.flatMap { path, bytes in
                    Self.changes(path, bytes, files, images, isKilled: end == .killed).map {
                        Fault(store: stores.count, path: path, change: $0)
                    }
                }
                stores.append(Store(life: life, steps: step + 1, end: end))
            }
        }
        self.stores = stores
        self.faults = faults.enumerated().filter { $0.offset.isMultiple(of: step) }.map(\.element)
    }

    private static func changes(
        _ path: String,
        _ bytes: [UInt8],
        _ files: [String: [UInt8]],
        _ images: [[String: [UInt8]]],
        isKilled: Bool
    ) -> [Change] {
        var changes: [Change] = stride(from: 0, to: bytes.count, by: SimulatedDisk.sectorBytes).map { .cut(to: $0) }
        for (length, byte) in [(1, 0), (512, 0), (4_096, 0), (1, 0xA5), (512, 0xA5)] as [(Int, UInt8)] {
            changes.append(.lengthen(by: [UInt8](repeating: byte, count: length)))
        }
        changes.append(.remove)
        let kind = path.split(separator: ".").last
        let newest = files.keys.filter { $0.hasSuffix(".active") }.max()
        var seen: Set<[UInt8]> = [bytes]
        // What the newest segment took after the manifest was written, a second ago at most, an older copy of it can hide
        // where the process was killed before it could say how far it had come.
        if !isKilled || path != newest {
            for (step, image) in images.enumerated() {
                if let older = image[path], seen.insert(older).inserted { changes.append(.older(older, of: step + 1)) }
            }
        }
        for (other, content) in files.sorted(by: { $0.key < $1.key })
        where other != path && other.split(separator: ".").last == kind && seen.insert(content).inserted {
            changes.append(.other(content, of: other))
        }
        return changes
    }

    package func run(jobs: Int = 1, limit: Int = .max) async -> Report {
        await Jobs.run(faults, jobs: jobs, isEnough: { $0.violations.count >= limit }) { look($0, &$1) }
    }

    private func look(_ fault: Fault, _ report: inout Report) {
        let store = stores[fault.store]
        var life = store.life.copy()
        switch fault.change {
        case .cut(let size): life.disk.cut(fault.path, to: size)
        case .lengthen(let bytes):
            life.disk.replace(fault.path, with: life.bytes(of: fault.path) + bytes)
        case .remove: try? life.disk.remove(fault.path)
        case .older(let bytes, _), .other(let bytes, _): life.disk.replace(fault.path, with: bytes)
        }
        life.damaged = [Life.Damage(path: fault.path, kind: fault.change.kind, isNewest: false)]
        report.faults += 1
        switch life.lookAtEverything() {
        case .refused: report.refused += 1
        case .opened(let refused, _, let isTold):
            report.recordsRefused += refused
            if refused > 0 { report.degraded += 1 } else { report.whole += 1 }
            if !isTold, isToBeTold(fault) { life.violations.append("nothing tells of it") }
            life.disk.restartProcess()
            if case .refused = life.lookAtEverything() { life.violations.append("the next start is refused") }
        }
        let state = "after \(store.steps) steps, \(store.end)"
        report.violations += life.violations.map { "\(state), \(fault.path) \(fault.change): \($0)" }
    }

    /// Whether it is told even where nothing is lost: of a file that is in use, where what was done to it can be seen.
    private func isToBeTold(_ fault: Fault) -> Bool {
        switch fault.change {
        case .cut, .lengthen:
            // The lock holds nothing; a raw file beside its sealed one is a leftover, and so is a key file without a raw one.
            fault.path != Life.directory.lock
                && !exists(fault.path.replacing(/(active|keys)$/, with: "segment"), beside: fault)
        case .remove: fault.path == Life.directory.manifest
        case .older, .other: false
        }
    }

    private func exists(_ path: String, beside fault: Fault) -> Bool {
        path != fault.path && stores[fault.store].life.disk.image[path] != nil
    }
}
