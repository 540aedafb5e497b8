// Owns: the promises of a log whatever stands in a segment of it: it is opened or refused, and read without writing a byte;
// recovery keeps what reading found, goes on behind it, and loses nothing when it is run again.
//
// The first octet says which kind of segment it is; the rest is an input of the target of that kind.

import SegmentLog

enum LogTarget {
    static func run(_ bytes: [UInt8]) {
        guard let kind = bytes.first, let options = bytes.dropFirst().first, bytes.count <= 4096 else { return }
        if kind & 1 == 0 {
            raw(bytes.dropFirst(2), options: options)
        } else {
            sealed(bytes.dropFirst(2))
        }
    }

    private static func sealed(_ template: ArraySlice<UInt8>) {
        guard let segment = SealedTemplate.file(template) else { return }
        let disk = HostileStore.disk()
        let base = RecordID(segment.integer(at: 48, as: UInt64.self))
        disk[HostileStore.path(base, ".segment")] = segment
        _ = read(disk)
    }

    private static func raw(_ template: ArraySlice<UInt8>, options: UInt8) {
        let base = RecordID(options & 1 == 0 ? 1 : 5)
        let disk = HostileStore.disk()
        disk[HostileStore.path(base, ".active")] = file(RawTemplate.frames(template), base: base, options: options)
        if options & 2 != 0 {
            let next = base.advanced(by: Int(options >> 4))
            disk[HostileStore.path(next, ".active")] = file([], base: next, options: 0)
        }
        guard let records = read(disk) else { return }

        guard let first = open(disk) else { return }
        require(check(first.log) == records, "recovery changes what can be read")
        let id = first.writer.nextID
        guard let restarted = open(disk) else { fatalError("what was recovered cannot be opened again") }
        require(restarted.writer.nextID == id, "an id is given twice")
        append(to: restarted.writer)
        guard let second = open(disk) else { fatalError("what was appended to cannot be opened again") }
        let recovered = HostileStore.read(second.log.view, LogQuery()).records
        // A frame that lies about its neighbours can hide records from the first recovery that the second one sees.
        var rest = records[...]
        for record in recovered where record == rest.first { rest.removeFirst() }
        require(rest.isEmpty, "recovery run again loses what it had found")
        require(recovered.last?.id == id, "what was appended after recovery is lost")
        require(second.writer.nextID == id.next, "an id is given twice")
    }

    /// Opens the log for reading alone, and reads it; nil where it is refused.
    private static func read(_ disk: HostileDisk) -> [HostileStore.Copy]? {
        let before = disk.changes
        let opened = try? SegmentLog.openReadOnly(
            disk,
            directory: HostileStore.directory,
            options: HostileStore.options
        )
        let records = opened.map { check($0.log) }
        require(disk.changes == before, "reading has written")
        return records
    }

    private static func check(_ log: SegmentLog) -> [HostileStore.Copy] {
        let isClean = (try? log.verify())?.isClean ?? false
        _ = log.statistics
        return HostileStore.check(log.view, isClean: isClean, lookUp: 4)
    }

    private static func open(_ disk: HostileDisk) -> (log: SegmentLog, writer: LogWriter)? {
        let opened = try? SegmentLog.open(
            disk,
            directory: HostileStore.directory,
            options: HostileStore.options,
            now: RecordTime(1)
        )
        return opened.map { ($0.log, $0.writer) }
    }

    private static func append(to writer: LogWriter) {
        let buffer = RecordBuffer(capacity: 64)
        buffer.append(time: nil, keyCount: 0, bodyBytes: 2) { body in
            [UInt8(0x7B)].withUnsafeBytes { body.payload($0) }
        }
        var frame = CommitFrame(firstID: writer.nextID, recordedAt: RecordTime(.max))
        frame.add(buffer, 0..<buffer.byteCount, records: 1)
        do throws(LogError) {
            if !writer.fits(byteCount: frame.byteCount) { try writer.roll() }
            frame = CommitFrame(firstID: writer.nextID, recordedAt: RecordTime(.max))
            frame.add(buffer, 0..<buffer.byteCount, records: 1)
            try writer.commit(frame)
        } catch {
            fatalError("a recovered log takes no append: \(error)")
        }
    }

    /// A raw segment with these frames.
    private static func file(_ frames: [UInt8], base: RecordID, options: UInt8) -> [UInt8] {
        var file: [UInt8] = []
        file.reserveCapacity(HostileStore.options.segmentBytes)
        file += header(base)
        if options & 4 != 0 { file[20] ^= 1 }
        file += repeatElement(0, count: RawTemplate.firstFrame / 2 - file.count)
        file += header(base)
        if options & 8 != 0 { file[4096 + 20] ^= 1 }
        file += repeatElement(0, count: RawTemplate.firstFrame - file.count)
        file += frames
        file += repeatElement(0, count: HostileStore.options.segmentBytes - file.count)
        return file
    }

    private static func header(_ base: RecordID) -> [UInt8] {
        var header = Array("EVRAWSEG".utf8) + [1, 0, 0, 0, 0, 0, 0, 0]
        header += HostileStore.identity.store.bytes + HostileStore.identity.segment.bytes
        header += [UInt8](repeating: 0, count: 16)
        header.put(base.rawValue, at: 48)
        header.put(Checksum.crc32(header), at: 12)
        return header
    }
}
