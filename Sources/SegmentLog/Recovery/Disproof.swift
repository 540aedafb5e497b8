// Owns: which places of segments the manifest disproves, whatever stands there: a file from another past of the store, put beside
// the newest one, would otherwise cut that off.

internal import Disk

extension Manifest {
    /// Places at which no segment can begin: the one that the manifest names held all ids from its own first to the last
    /// that the manifest has seen, and it is there.
    func disproved(
        among bases: [RecordID],
        _ disk: any Disk,
        _ directory: LogDirectory,
        store: UniqueID
    ) throws(LogError) -> Set<RecordID> {
        guard isWhole, let entry, entry.segment != .zero, entry.base < entry.tail else { return [] }
        let disproved = Set(bases.filter { $0 > entry.base && $0 <= entry.tail })
        guard !disproved.isEmpty, bases.contains(entry.base) else { return [] }
        let file: any DiskFile
        do throws(DiskError) {
            file = try disk.open(directory.active(entry.base), .read)
        } catch {
            // What is there instead is for the inventory to refuse.
            guard error.isMissing || error.isNotRegularFile else { throw .disk(error) }
            return []
        }
        for offset in [FileOffset(0), FileHeader.copyOffset] {
            do throws(LogError) {
                let header = try FileHeader.read(file, at: offset, kind: .raw, store: store)
                if header?.identity.segment == entry.segment { return disproved }
            } catch {
                // Of another store, or a later version: that is told, too.
                guard error.isUnreadableMedium || !error.isDisk else { throw error }
            }
        }
        return []
    }
}
