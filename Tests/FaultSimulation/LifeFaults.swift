// Owns: what goes wrong in a life: the fault of a generation, and the damage between two.

import Disk
import DiskSimulation
import Glibc
import SegmentLog

extension Life {
    /// What goes wrong in a generation.
    enum Plan: CustomStringConvertible {
        case calm
        case crash(after: Int)
        case failNext(DiskError.Operation, Int32)
        case fail(after: Int, Int32)
        case full(after: Int)
        case misdirected(after: Int)

        static func random(hasDamage: Bool, mayStop: Bool, _ random: inout SeededRandom) -> Plan {
            let soon = Int.random(in: 1...120, using: &random)
            switch Int.random(in: 0..<(hasDamage ? 32 : 16), using: &random) {
            case 0, 1: return .failNext([.sync, .write].randomElement(using: &random) ?? .sync, EIO)
            case 2: return .fail(after: soon, EIO)
            case 3: return .fail(after: soon, [ENOSPC, EDQUOT, EFBIG].randomElement(using: &random) ?? ENOSPC)
            case 4, 5: return .full(after: soon)
            case 6...14: return .crash(after: soon)
            case 15...22: return .calm
            // Only later commits prove the one that went astray.
            default: return mayStop ? .calm : .misdirected(after: soon)
            }
        }

        var isMisdirected: Bool { if case .misdirected = self { true } else { false } }
        var fills: Bool { if case .full = self { true } else { false } }

        var description: String {
            switch self {
            case .calm: "calm"
            case .crash(let after): "crash after \(after)"
            case .failNext(let operation, let errno): "next \(operation) fails with \(errno)"
            case .fail(let after, let errno): "errno \(errno) after \(after)"
            case .full(let after): "full after \(after)"
            case .misdirected(let after): "astray after \(after)"
            }
        }
    }

    /// Whether the disk may take no more commits by itself: it is full, or a sector of a raw file fails.
    var mayStop: Bool { isCramped || damaged.contains { $0.kind == .unreadable && $0.path.hasSuffix(".active") } }

    /// A file that was damaged.
    struct Damage: CustomStringConvertible {
        enum Kind {
            case flip
            /// A sector that holds something else.
            case misplaced
            case unreadable
            /// A write that landed elsewhere while the log was open.
            case astray
            /// A file that was cut, lengthened or removed, or that holds what another one, or an older one, held.
            case cut, lengthened, removed, replaced
        }

        let path: String
        let kind: Kind
        /// Whether it was the newest raw segment: of it nobody knows where it ended.
        let isNewest: Bool

        var description: String { "\(kind) \(path)\(isNewest ? " (newest)" : "")" }
    }

    mutating func prepare(_ plan: Plan) {
        if !isScripted { prepareAlways() }
        let now = disk.operations
        switch plan {
        case .calm: break
        case .crash(let after): disk.crash(atOperation: now + after)
        case .failNext(let operation, let errno): disk.failNext(operation, errno: errno)
        case .fail(let after, let errno): disk.fail(operation: now + after, errno: errno)
        case .full(let after): disk.fillUp(fromOperation: now + after)
        case .misdirected(let after): misdirect(from: now + after)
        }
    }

    /// What may go wrong besides: a failed sync shows what it lost, or not; calls move less than they were asked to.
    private mutating func prepareAlways() {
        if Bool.random(using: &random) { disk.keepCacheAfterFailedSync() }
        if Int.random(in: 0..<3, using: &random) == 0 { disk.moveLessThanAsked() }
    }

    private mutating func misdirect(from operation: Int) {
        // Over the end of the newest segment, which a spare may become, it could hide that there was one.
        guard let path = files().filter({ $0 != newestRaw && !$0.hasSuffix(".spare") }).randomElement(using: &random)
        else { return }
        disk.misdirectWrite(
            fromOperation: operation,
            to: path,
            at: Int.random(in: 0...size(path) / SimulatedDisk.sectorBytes, using: &random)
                * SimulatedDisk.sectorBytes
        )
        damaged.append(Damage(path: path, kind: .astray, isNewest: false))
        trace?("  astray to \(path)")
    }

    /// Damages one place of one file.
    mutating func damageAtRest() {
        guard let path = files().filter({ size($0) > 0 }).randomElement(using: &random) else { return }
        let bytes = bytes(of: path)
        var offset = Int.random(in: bytes.indices, using: &random)
        // Most of a raw file is zeros, to which damage means little.
        for _ in 0..<4 where bytes[offset] == 0 { offset = Int.random(in: bytes.indices, using: &random) }
        let sector = offset / SimulatedDisk.sectorBytes * SimulatedDisk.sectorBytes
        let kind: Damage.Kind
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
            kind = .misplaced
            guard let source = files().filter({ size($0) > 0 }).randomElement(using: &random) else { return }
            let from =
                Int.random(in: 0..<size(source), using: &random) / SimulatedDisk.sectorBytes
                * SimulatedDisk.sectorBytes
            let range = from..<min(size(source), from + SimulatedDisk.sectorBytes)
            disk.misplace(range, of: source, to: path, at: sector)
        case 1:
            kind = .unreadable
            disk.makeUnreadable(sector..<sector + SimulatedDisk.sectorBytes, of: path)
        default:
            kind = .flip
            disk.flip(bit: Int.random(in: 0..<8, using: &random), at: offset, of: path)
        }
        tally.damages += 1
        damaged.append(Damage(path: path, kind: kind, isNewest: path == newestRaw))
        trace?("  damage: \(damaged[damaged.count - 1]) at \(offset); there are \(files().map { "\($0) \(size($0))" })")
    }

    /// Whether damage is a reason for the log not to open: it has lost its own description, or the disk will not say where
    /// it ends.
    func mayRefuse(_ error: LogError) -> Bool {
        switch error {
        case .unreadable(let path, _), .unknownFormat(let path, _):
            damaged.contains {
                switch $0.kind {
                // What belongs elsewhere is somebody's mistake, and says so.
                case .replaced where path == $0.path: true
                case .removed where $0.path == Self.storeFile: path == Self.directory.data
                default: path == $0.path && path == Self.storeFile
                }
            }
        case .disk(let error):
            error.operation == .read
                && damaged.contains { $0.kind == .unreadable && ($0.path == error.path || $0.isNewest) }
        default: false
        }
    }

    private static let storeFile = "\(directory.data)/\(StoreFile.name)"

    /// Whether reads of this generation may be refused: there is damage, or the disk has failed a read.
    var mayHaveHoles: Bool {
        !damaged.isEmpty || disk.failures.contains(.read)
    }

    private func files() -> [String] {
        disk.image.filter { path, bytes in
            bytes != nil && path.hasPrefix(Self.directory.data) && !path.hasPrefix(Self.directory.quarantine)
                && path != Self.directory.lock
        }.keys.sorted()
    }

    func bytes(of path: String) -> [UInt8] { (disk.image[path] ?? nil) ?? [] }

    private func size(_ path: String) -> Int { bytes(of: path).count }

    private var newestRaw: String? { files().last { $0.hasSuffix(".active") } }
}
