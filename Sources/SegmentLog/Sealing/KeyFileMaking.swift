// Owns: making the key file of a closed raw segment, in the background, and following the active one, so that little is left
// to do when it is closed.
//
// The file is derived from the segment: written under a temporary name, synced, and renamed. A crash at any point leaves it
// there, or not, or its temporary. It is made only where there is room to spare, and where it cannot be made everything works
// without it.

internal import Disk
import Synchronization

extension SegmentLog {
    /// Makes the key file of the newest closed raw segment that lacks one. `pace` is called between blocks and may sleep; where
    /// it returns false the work is abandoned. Returns whether one was made.
    package func makeKeys(pace: () -> Bool = { true }) throws(LogError) -> Bool {
        try indexing.withLock { _ throws(LogError) in
            for segment in view.segments.dropLast().reversed() {
                guard let raw = segment as? RawSegment, raw.keys == nil, canSeal(raw), raw.latest === raw,
                    let account = raw.account
                else { continue }
                guard try spares.hasRoomToSpare() else { return false }
                if try makeKeys(of: raw, account, pace: pace) { return true }
                guard pace() else { return false }
            }
            return false
        }
    }

    /// Indexes what the active segment holds, in memory.
    package func followActive(pace: () -> Bool = { true }) throws(LogError) {
        guard let active = view.segments.last as? RawSegment else { return }
        // The last block is still growing.
        while pace(), try active.extendIndex(leaving: 1) {}
    }

    private func makeKeys(of raw: RawSegment, _ account: RawTrailer, pace: () -> Bool) throws(LogError) -> Bool {
        raw.keepIndex(true)
        defer { raw.keepIndex(false) }
        while pace(), try raw.extendIndex() {}
        guard let index = try raw.wholeIndex(), let table = try raw.listedTable(),
            raw.trailer(end: account.end) == account
        else { return false }
        do throws(LogError) {
            guard let keys = try writeKeys(of: raw, account, index.postings, table, pace: pace) else { return false }
            return try raw.attach(keys)
        } catch {
            guard error.isNoSpace else { throw error }
            return false
        }
    }

    private func writeKeys(
        of raw: RawSegment,
        _ account: RawTrailer,
        _ postings: borrowing Postings,
        _ table: BlockTable,
        pace: () -> Bool
    ) throws(LogError) -> KeyFile? {
        let path = directory.keys(raw.base)
        var isComplete = false
        let (file, temporary) = try createTemporary(for: path, of: raw.id)
        defer { if !isComplete { try? disk.remove(temporary) } }
        let header = raw.header.ofKeys
        let footer = SealedFooter(SealedFooter(header: header), saying: account)
        guard try KeyFileWriter.write(file, footer, table, postings, pace: pace) else { return nil }
        let opened = try onDisk { () throws(DiskError) in
            try disk.rename(temporary, to: path)
            isComplete = true
            return try disk.open(path, .read)
        }
        return try KeyFile(opened, of: raw.header, account, cache: cache)
    }
}

/// Writes key files.
enum KeyFileWriter {
    /// Writes table and keys, and makes the file durable; false where `pace` said to stop.
    static func write(
        _ file: any DiskFile,
        _ footer: SealedFooter,
        _ table: BlockTable,
        _ postings: borrowing Postings,
        pace: () -> Bool
    ) throws(LogError) -> Bool {
        var writer = try BlockWriter(file, header: footer.header, level: 1)
        try writer.writeTable(table)
        guard try writer.writeKeys(of: postings, blockCount: table.entries.count, pace: pace) else { return false }
        try writer.finish(footer)
        return true
    }
}
