// Owns: making a manifest of the bytes of a fuzzer: an entry in which zero stands for what is right, magic, version, checksum,
// store and segment, and any other value for a lie.

import SegmentLog

enum ManifestTemplate {
    /// Of what is taken from the fuzzer: how the entry is laid out, and the part of it that means something.
    static let bytes = 1 + entryEnd
    private static let entryEnd = 144
    private static let entryBytes = 256
    private static let copyBytes = 2048

    /// What the log writes before anything is committed to the segment.
    static func naming(_ base: RecordID) -> [UInt8] {
        var template = [UInt8](repeating: 0, count: bytes)
        template[0] = 0b1100
        template[1 + 52] = 2
        template.put(base.rawValue - 1, at: 1 + 56)
        template.put(base.rawValue, at: 1 + 88)
        template.put(UInt64(RawTemplate.fileBytes), at: 1 + 96)
        template.put(UInt64(RawTemplate.firstFrame), at: 1 + 104)
        return file(template[...])
    }

    /// The first octet says which of the four copies there are; the others are zero.
    static func file(_ template: ArraySlice<UInt8>) -> [UInt8] {
        let template = Array(template.prefix(bytes))
        var entry = Array(template.dropFirst())
        entry += [UInt8](repeating: 0, count: entryBytes - entry.count)
        if entry.isZero(0..<8) { entry.replaceSubrange(0..<8, with: "EVMANIFS".utf8) }
        entry.putIfZero(UInt16(2), at: 8)
        entry.putIfZero(UInt16(entryBytes), at: 10)
        if entry.isZero(16..<32) { entry.replaceSubrange(16..<32, with: HostileStore.identity.store.bytes) }
        entry.putIfZero(UInt64(3), at: 32)
        if entry.isZero(72..<88) { entry.replaceSubrange(72..<88, with: HostileStore.identity.segment.bytes) }
        entry.putIfZero(entry.crc(0..<entryBytes), at: 12)
        let copy = entry + [UInt8](repeating: 0, count: copyBytes - entryBytes)
        let blank = [UInt8](repeating: 0, count: copyBytes)
        let layout = template.first ?? 0
        return (0..<4).flatMap { layout & 1 << UInt8($0) == 0 ? copy : blank }
    }
}
