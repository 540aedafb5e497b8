// Owns: the key file of a closed raw segment, as readers have it: where the blocks of the segment lie, and which of them hold
// a key. It is derived from the segment, and believed only where it says the same of it as the segment itself.

internal import Disk

struct KeyFile: Sendable {
    let index: KeyIndex

    /// Opens a key file; nil where it is damaged, or is not that of the segment with this header and account, or has more than one
    /// block where the whole filter would be.
    init?(
        _ file: any DiskFile,
        of header: FileHeader,
        _ account: RawTrailer,
        cache: BlockCache
    ) throws(LogError) {
        let size = try onDisk { () throws(DiskError) in try file.size() }
        let store = header.identity.store
        guard let footer = try SealedFooter.read(file, size: size, kind: .keys, store: store),
            footer.header == header.ofKeys, footer == SealedFooter(footer, saying: account),
            footer.section(.filter) == nil || footer.run(.filter)?.count == 1
        else { return nil }
        index = KeyIndex(file: file, footer: footer, cache: cache)
    }

    var bytes: UInt64 { index.footer.fileBytes }

    /// Where the blocks of the segment lie; nil where that cannot be read, or cannot be.
    func table() throws(LogError) -> BlockTable? {
        var sections: (blocks: [UInt8], times: [UInt8])?
        do throws(LogError) {
            sections = try index.tableSections()
        } catch {
            guard error.isUnreadableMedium else { throw error }
        }
        guard let sections else { return nil }
        return BlockTable(ofRaw: sections.blocks, times: sections.times, of: index.footer)
    }
}

extension SealedFooter {
    /// A footer with what an account of a raw segment says.
    init(_ footer: SealedFooter, saying account: RawTrailer) {
        self = footer
        (firstCovered, lastCovered, recordCount) = (account.firstID, account.lastID, account.recordCount)
        recordBytes = account.recordBytes - account.recordCount * UInt64(RecordFormat.headerBytes)
        (firstRecordedAt, lastRecordedAt) = (account.firstRecordedAt, account.lastRecordedAt)
        (leastTime, greatestTime) = (account.leastTime, account.greatestTime)
        controlCount = account.controlCount
    }
}
