// Owns: what can be set about a log, with the defaults.

package struct LogOptions: Sendable {
    /// Bytes of a raw segment file, written with zeros ahead of use. 1 MiB to 2 GiB; a larger commit than this is
    /// refused.
    package var segmentBytes = 64 << 20
    /// Raw files kept ready for the next rolls, filled with zeros. Where the disk is full these and those below go.
    package var spareFiles = 2
    /// Raw files held back for recovery and upkeep on a full disk; appends do not get them.
    package var reserveFiles = 1
    /// Bytes of the disk that new segments leave free.
    package var keepFreeBytes: UInt64 = 256 << 20
    /// Raw files of sealed segments that are kept for the next burst; those beyond are removed.
    package var recycledFiles = 16
    /// Bytes of records that a block of a sealed segment gathers before it is compressed, 4 KiB to 64 KiB. With twice as
    /// many, one event takes half as long again, and the disk holds a sixth less. Blocks that are there stay together, but where
    /// those of a segment hold more than twice as many on average.
    package var blockBytes = 20 << 10
    /// zlib level of a segment that is sealed for the first time, 1 to 9.
    package var sealingLevel = 6
    /// zlib level of a segment that compaction writes, 1 to 9.
    package var compactionLevel = 9
    /// Compaction merges segments up to this many bytes of records.
    package var compactedBytes = 256 << 20
    /// Who helps to pack the blocks of a segment that is sealed or merged; nil for nobody.
    package var crew: (any PackingCrew)?
    /// Memory for inflated blocks and index pages.
    package var cacheBytes = 48 << 20
    /// Bytes of memory for the tables of sealed segments, which say where their blocks lie; one table is held in any case.
    package var tableBytes = 48 << 20
    /// While commits go on, the manifest says at least so often, in nanoseconds of commit time, how far the log has come.
    package var manifestNanoseconds: Int64 = 1_000_000_000
    /// Whether a store is made where there is none.
    package var create = true

    package init() {}
}
