// Owns: the promises of a log whatever stands in a segment of it: it is opened or refused, and read without writing a byte;
// recovery keeps what reading found, goes on behind it, and loses nothing when it is run again.
//
// The first octet says which kind of segment it is, and of a raw one whether it has a trailer, and whether the manifest names
// it; the rest is an input of the target of that kind, before which a raw one has the trailer and what the manifest says.

import SegmentLog

enum LogTarget {
    static func run(_ bytes: [UInt8]) {
        guard let kind = bytes.first, let options = bytes.dropFirst().first, bytes.count <= 4096 else { return }
        if kind & 1 == 0 {
            raw(bytes.dropFirst(2), kind: kind, options: options)
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

    private static func raw(_ template: ArraySlice<UInt8>, kind: UInt8, options: UInt8) {
        let base = RecordID(options & 1 == 0 ? 1 : 5)
        let disk = HostileStore.disk()
        var input = template
        var trailer: [UInt8] = []
        if kind & 2 != 0 {
            trailer = RawTemplate.trailer(input, base: base)
            input = input.dropFirst(RawTemplate.trailerBytes)
        }
        disk[HostileStore.directory.manifest] = ManifestTemplate.naming(base)
        if kind & 4 != 0 {
            disk[HostileStore.directory.manifest] = ManifestTemplate.file(input)
            input = input.dropFirst(ManifestTemplate.bytes)
        }
        var bytes = file(RawTemplate.frames(input), header: header(base), options: options, trailer: trailer)
        // Without its last page.
        if kind & 8 != 0 { bytes.removeLast(RawTemplate.fileBytes - RawTemplate.firstFrame - RawTemplate.frameArea) }
        disk[HostileStore.path(base, ".active")] = bytes
        if options & 2 != 0 {
            let next = base.advanced(by: Int(options >> 4))
            disk[HostileStore.path(next, ".active")] = file([], header: header(next, 0x33), options: 0, trailer: [])
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
            try writer.reserve(byteCount: frame.byteCount)
            try writer.commit(frame)
        } catch {
            fatalError("a recovered log takes no append: \(error)")
        }
    }

    private static func header(_ base: RecordID, _ segment: UInt8? = nil) -> [UInt8] {
        let (own, store) = (HostileStore.identity, HostileStore.identity.store)
        let other = segment.map {
            SegmentIdentity(store: store, segment: UniqueID(bytes: [UInt8](repeating: $0, count: 16)))
        }
        let fileBytes = UInt64(RawTemplate.fileBytes)
        return FileHeader(kind: .raw, identity: other ?? own, base: base, fileBytes: fileBytes).encoded()
    }

    /// A raw segment with these frames.
    private static func file(_ frames: [UInt8], header: [UInt8], options: UInt8, trailer: [UInt8]) -> [UInt8] {
        var file: [UInt8] = []
        file.reserveCapacity(RawTemplate.fileBytes)
        file += header
        if options & 4 != 0 { file[20] ^= 1 }
        file += repeatElement(0, count: RawTemplate.firstFrame / 2 - file.count)
        file += header
        if options & 8 != 0 { file[4096 + 20] ^= 1 }
        file += repeatElement(0, count: RawTemplate.firstFrame - file.count)
        file += RawTemplate.padded(Array(frames.prefix(RawTemplate.frameArea)))
        let page = RawTemplate.firstFrame + RawTemplate.frameArea
        file.replaceSubrange(page..<page + trailer.count, with: trailer)
        return file
    }
}
