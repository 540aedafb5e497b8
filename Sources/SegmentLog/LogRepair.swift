// Owns: what recovery writes.
//
//  * Nothing at first but the names themselves: where the process died and the machine did not, a name that is seen may
//    be in memory alone, and must be durable before a record is acknowledged, or a file removed, on the strength of it.
//  * Files that cannot be read, and the bytes of a torn write, go to the quarantine; leftovers go.
//  * Only the newest segment is ever cut, and only above what is known to have been durable.
//  * Frames at its end that no later frame proves durable are written again before they are trusted: after a failed sync
//    the page cache may show what the disk does not hold.
//  * Appends go on in it, unless it has damage or another size than is configured: then it is closed as it is, and a new
//    one is begun behind it.

internal import Disk

struct LogRepair {
    private let disk: any Disk
    private let directory: LogDirectory
    private let inventory: LogInventory
    private(set) var notes: [String] = []
    private(set) var tornBytes = 0

    init(_ disk: any Disk, _ directory: LogDirectory, inventory: LogInventory) {
        self.disk = disk
        self.directory = directory
        self.inventory = inventory
    }

    /// The newest segment, where it is a raw one.
    private var newest: LogInventory.Raw? {
        inventory.raw.last.flatMap { $0.segment.lastID ?? $0.segment.base >= inventory.tail ? $0 : nil }
    }

    mutating func run() throws(LogError) {
        try onDisk { () throws(DiskError) in
            try disk.createDirectory(directory.snapshots)
            try disk.createDirectory(directory.quarantine)
            try disk.syncDirectory(directory.data)
            try disk.syncDirectory(directory.log)
        }
        for path in inventory.unreadable { try setAside(path) }
        try onDisk { () throws(DiskError) in
            for path in inventory.leftovers { try disk.remove(path) }
            if !(inventory.leftovers + inventory.unreadable).isEmpty { try disk.syncDirectory(directory.log) }
        }
        if let newest {
            try cutTornBytes(of: newest)
            try rewriteUnproven(of: newest)
        }
    }

    /// The writer, on the newest segment or on a fresh one.
    func writer(of log: SegmentLog) throws(LogError) -> LogWriter {
        if let newest, newest.outcome.damage.isEmpty, newest.fileBytes == UInt64(log.options.segmentBytes) {
            let isMarked = newest.outcome.lastFrameOffset.map { newest.outcome.durableOffset > $0 } ?? true
            return LogWriter(log, segment: newest.segment, tail: newest.outcome.end, isMarked: isMarked)
        }
        let prepared = try log.prepareActive(base: log.view.tail.next)
        let fresh = try log.activate(prepared)
        return LogWriter(log, segment: fresh, tail: FrameHeader.firstOffset, isMarked: true)
    }

    private func setAside(_ path: String) throws(LogError) {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        try onDisk { () throws(DiskError) in
            try disk.rename(path, to: "\(directory.quarantine)/\(name)")
            try disk.syncDirectory(directory.quarantine)
        }
    }

    private mutating func cutTornBytes(of raw: LogInventory.Raw) throws(LogError) {
        guard let torn = raw.outcome.torn else { return }
        let file = raw.segment.file
        let bytes = try onDisk { () throws(DiskError) in
            try file.bytes(at: torn.lowerBound, count: torn.upperBound - torn.lowerBound)
        }
        guard let bytes else { return }
        // The checksum makes the name that of these very bytes: a recovery that was cut off and finds half of them zeroed
        // does not write over what the first one saved.
        let name = "\(raw.segment.base)-\(torn.lowerBound)-\(Checksum.crc32(bytes)).torn"
        try onDisk { () throws(DiskError) in
            try disk.replaceFile(name, in: directory.quarantine, with: bytes)
            try file.write([UInt8](repeating: 0, count: bytes.count), at: torn.lowerBound)
            try file.sync()
        }
        tornBytes = bytes.count
        notes.append("\(bytes.count) bytes of a torn write were saved to quarantine/\(name)")
    }

    private func rewriteUnproven(of raw: LogInventory.Raw) throws(LogError) {
        let (start, end) = (raw.outcome.durableOffset, raw.outcome.end)
        guard start < end else { return }
        let file = raw.segment.file
        try onDisk { () throws(DiskError) in
            guard let bytes = try file.bytes(at: start, count: end - start) else { return }
            try file.write(bytes, at: start)
            try file.sync()
        }
    }
}
