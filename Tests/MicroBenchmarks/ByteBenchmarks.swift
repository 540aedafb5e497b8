// Owns: checksums and compression, which everything on the disk goes through.

import SegmentLog

extension Benchmark {
    static let bytes = [
        Benchmark(name: "crc-200", operation: "the CRC-32 of 200 bytes") { crc(bytes: 200) },
        Benchmark(name: "crc-64k", operation: "the CRC-32 of 64 KiB") { crc(bytes: 64 << 10) },
        Benchmark(name: "deflate", operation: "64 KiB of events compressed as for a sealed segment", iterations: 1) {
            let block = Array(Sample(events: 512).wire.prefix(64 << 10))
            let compressor = Compressor(level: LogOptions().sealingLevel)
            return Loop(operations: 1, bytes: block.count) { compressor.deflate(block).count }
        },
        Benchmark(name: "inflate", operation: "64 KiB of events inflated") {
            let block = Array(Sample(events: 512).wire.prefix(64 << 10))
            let stream = Compressor(level: LogOptions().sealingLevel).deflate(block)
            return Loop(operations: 1, bytes: block.count) {
                stream.withUnsafeBytes { Compression.inflate($0, count: block.count)?.count ?? 0 }
            }
        },
    ]

    private static func crc(bytes count: Int) -> Loop {
        let rounds = max(1, (64 << 10) / count)
        let bytes = Sample(events: 512).wire
        return Loop(operations: rounds, bytes: rounds * count) {
            bytes.withUnsafeBytes { bytes in
                var crc: UInt32 = 0
                for _ in 0..<rounds {
                    crc = Checksum.crc32(UnsafeRawBufferPointer(rebasing: bytes[..<count]), from: crc)
                }
                return Int(crc)
            }
        }
    }
}
