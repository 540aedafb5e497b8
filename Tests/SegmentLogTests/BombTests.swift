// Owns: the promise that no file makes the store take memory for what it merely announces.

import Disk
import Glibc
import Testing

@testable import SegmentLog

/// Leaves the process 256 MiB of address space beyond what it has: whoever asks for more dies.
private func forbidMemory() {
    var pages = 0
    if let status = fopen("/proc/self/statm", "r") {
        var line = [CChar](repeating: 0, count: 256)
        fgets(&line, 256, status)
        pages = Int(atol(line))
        fclose(status)
    }
    precondition(pages > 0, "the size of the process is known")
    let bytes = rlim_t(pages) * 4096 + 256 << 20
    var limit = rlimit(rlim_cur: bytes, rlim_max: bytes)
    precondition(setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, "RLIMIT_AS can be set")
}

@Suite struct BombTests {
    @Test func `A block that announces a gigabyte is refused before memory is taken for it`() async {
        await #expect(processExitsWith: .success) {
            forbidMemory()
            let stream = Compressor(level: 1).deflate([1, 2, 3])
            let found = stream.withUnsafeBytes { Compression.inflate($0, count: 1 << 30) }
            precondition(found == nil)
            for kind in SealedBlockHeader.Kind.allCases {
                let header = SealedBlockHeader(
                    offset: FileOffset(64),
                    firstID: RecordID(1),
                    lastID: RecordID(1),
                    count: 1,
                    rawBytes: 1 << 30,
                    contentBytes: UInt32(stream.count),
                    contentCRC: Checksum.crc32(stream),
                    kind: kind.rawValue
                )
                let block = header.encoded(seed: 7) + stream
                let content = SealedBlockHeader.unpack(block, at: FileOffset(64), seed: 7, kind: kind)
                precondition(content.whole == nil)
            }
        }
    }

    @Test func `A stream that inflates to more than it announced costs no more than it announced`() async {
        // Sixty-four kilobytes that inflate to sixty-four megabytes, five times over what is left.
        await #expect(processExitsWith: .success) {
            let bomb = Compressor(level: 9).deflate([UInt8](repeating: 0, count: 64 << 20))
            precondition(bomb.count < 128 << 10)
            forbidMemory()
            for announced in [0, 1, 1000, 1 << 20] {
                precondition(bomb.withUnsafeBytes { Compression.inflate($0, count: announced) } == nil)
            }
        }
    }

    @Test func `What counts more than its bytes can hold is refused before memory is taken for it`() async {
        await #expect(processExitsWith: .success) {
            forbidMemory()
            let columns = [UInt8](repeating: 0, count: 100)
            for count in [21, 1 << 32 - 1, 1 << 40] {
                let ids = RecordID(1)...RecordID(UInt64(count))
                precondition(RecordColumns.decode(columns, ids: ids, count: count) == nil)
            }
            let identity = SegmentIdentity(store: .random(), segment: .random())
            var footer = SealedFooter(header: FileHeader(kind: .sealed, identity: identity, base: RecordID(1)))
            (footer.firstCovered, footer.lastCovered) = (RecordID(1), RecordID(1))
            var bytes = footer.encoded()
            let crc = bytes.withUnsafeMutableBytes { bytes in
                bytes.storeLittleEndian(UInt32.max, at: FileHeader.bytes + SealedFooter.summaryBytes - 8)
                return Checksum.crc32(Array(bytes.dropLast(12)))
            }
            bytes.withUnsafeMutableBytes { $0.storeLittleEndian(crc, at: $0.count - 12) }
            let found = try SealedFooter.decode(bytes, store: identity.store, path: "")
            precondition(found == nil)
        }
    }

    @Test func `A page of keys holds no more than a page can, however well it deflates`() {
        let bomb = Compressor(level: 9).deflate([UInt8](repeating: 0, count: 4 << 20))
        let header = SealedBlockHeader(
            offset: FileOffset(64),
            firstID: .zero,
            lastID: .zero,
            count: 1,
            rawBytes: 4 << 20,
            contentBytes: UInt32(bomb.count),
            contentCRC: Checksum.crc32(bomb),
            kind: SealedBlockHeader.Kind.keys.rawValue
        )
        let block = header.encoded(seed: 7) + bomb
        #expect(SealedBlockHeader.unpack(block, at: FileOffset(64), seed: 7, kind: .keys).whole == nil)
    }
}
