// Owns: how a reader or a writer of today meets a file of tomorrow: three words of feature bits, in every file header, in
// the manifest and in a snapshot. The rule is in the word a bit stands in, so that nobody needs to know the bit to keep it.

/// What a file uses that this version may not know. No bit is defined yet.
package struct FeatureBits: Hashable, Sendable {
    static let bytes = 12

    /// Who does not know a bit of these cannot read the file, and refuses it.
    package var mustRead: UInt32 = 0
    /// Who does not know a bit of these may read the file, and leaves it as it is: nothing is appended to it, and it is
    /// neither sealed, merged, written anew nor removed.
    package var mustWrite: UInt32 = 0
    /// Who does not know a bit of these loses nothing.
    package var mayIgnore: UInt32 = 0

    package init(mustRead: UInt32 = 0, mustWrite: UInt32 = 0, mayIgnore: UInt32 = 0) {
        self.mustRead = mustRead
        self.mustWrite = mustWrite
        self.mayIgnore = mayIgnore
    }

    /// Reads the three words that stand at an offset, all of which lie within the bytes.
    package init(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        self.init(
            mustRead: bytes.littleEndian(at: offset),
            mustWrite: bytes.littleEndian(at: offset + 4),
            mayIgnore: bytes.littleEndian(at: offset + 8)
        )
    }

    package func append(to bytes: inout [UInt8]) {
        bytes.appendLittleEndian(mustRead)
        bytes.appendLittleEndian(mustWrite)
        bytes.appendLittleEndian(mayIgnore)
    }

    package var canRead: Bool { mustRead == 0 }
    package var canWrite: Bool { mustRead == 0 && mustWrite == 0 }
    /// Whether bytes that this version leaves zero are zero.
    package var isPlain: Bool { self == FeatureBits() }

    /// Refuses what must be known to read the file at `path` and is not.
    package func requireReadable(path: String) throws(LogError) {
        guard canRead else {
            throw .unknownFormat(path: path, found: "feature bits \(mustRead) that a reader must know")
        }
    }

    /// Refuses what must be known to write the file at `path` and is not.
    func requireWritable(path: String) throws(LogError) {
        guard canWrite else {
            throw .unknownFormat(path: path, found: "feature bits \(mustWrite) that a writer must know")
        }
    }
}

/// The version of the format that this code writes, and the only one it reads.
package enum FormatVersion {
    package static let current: UInt16 = 2
    /// The evstore that writes: major in the upper 16 bits, minor in 8, patch in 8. For people who look into a file; no reader
    /// decides by it.
    package static let writer: UInt32 = 0 << 16 | 2 << 8 | 0

    package static func require(_ version: UInt16, path: String) throws(LogError) {
        guard version == current else { throw .unknownFormat(path: path, found: "version \(version)") }
    }
}

/// How checksums in a file, or of a block, are made. CRC-32 is in every language's library; beside it the hardware's CRC-32C
/// gains nothing at the sizes of events (Tests/Acceptance/checksum.sh).
enum ChecksumKind: UInt8 {
    case crc32 = 1
}

/// How the content of a block is packed.
enum Codec: UInt8 {
    /// As it is.
    case stored = 0
    /// One zlib stream.
    case zlib = 1
}
