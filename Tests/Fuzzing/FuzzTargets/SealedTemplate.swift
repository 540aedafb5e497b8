// Owns: making a sealed segment of the bytes of a fuzzer, so that it gets past the checksums and into the streams.
//
// A template is a sealed segment with its streams inflated, in which zero stands for what is right: a checksum, an
// offset, a length, the identity. What is not zero is left as it is, and is a lie mostly. The kind of a block has two
// more bits: 0x80 takes the bytes for a stream as they stand, 0x40 makes the header claim a longer one.

import SegmentLog

struct SealedTemplate {
    private static let headerBytes = 64
    private static let blockHeaderBytes = 56
    private static let footerBytes = 160
    private static let entryBytes = 72

    private struct Block {
        let kind: UInt8
        let offset: Int
        let streamBytes: Int
        let rawBytes: UInt32
    }

    private var out: [UInt8]
    private var blocks: [Block] = []

    /// Nil where the template is too short to be one.
    static func file(_ template: ArraySlice<UInt8>) -> [UInt8]? {
        guard template.count >= headerBytes + footerBytes else { return nil }
        let template = Array(template)
        var file = SealedTemplate(out: Array(template[..<headerBytes]))
        file.fillIdentity(at: 16)
        file.out.reserveCapacity(2 * template.count)
        file.out.putIfZero(file.out.crc(0..<headerBytes), at: 12)
        let end = template.count - footerBytes
        var position = headerBytes
        while end - position >= blockHeaderBytes, template[position..<position + 4].elementsEqual("BLCK".utf8) {
            position = file.addBlock(template[position..<end])
        }
        file.out += template[position..<end]
        file.addFooter(Array(template[end...]))
        return file.out
    }

    /// Adds the block that the rest of the template begins with; returns where the next begins.
    private mutating func addBlock(_ rest: ArraySlice<UInt8>) -> Int {
        var header = Array(rest.prefix(Self.blockHeaderBytes))
        let length = Int(header.integer(at: 40, as: UInt32.self))
        var body = Array(rest.dropFirst(Self.blockHeaderBytes).prefix(length))
        let next = rest.startIndex + Self.blockHeaderBytes + body.count
        let flags = header[48] & 0xC0
        let kind = header[48] & 0x3F
        header[48] = kind
        if kind == 4 { fillTable(&body) }
        if kind == 3 { fillDirectory(&body) }
        header.putIfZero(UInt32(body.count), at: 36)
        let stream = flags & 0x80 == 0 ? ZlibStream.stored(body) : body
        header.put(UInt32(stream.count) + (flags & 0x40 == 0 ? 0 : 0x3000_0000), at: 40)
        header.putIfZero(UInt64(out.count), at: 8)
        header.putIfZero(Checksum.crc32(stream), at: 44)
        header.putIfZero(header.crc(8..<header.count, from: HostileStore.seed), at: 4)
        blocks.append(
            Block(
                kind: kind,
                offset: out.count,
                streamBytes: stream.count,
                rawBytes: header.integer(at: 36, as: UInt32.self)
            )
        )
        out += header + stream
        return next
    }

    /// The entries of a block table, in the order of the blocks of records.
    private func fillTable(_ body: inout [UInt8]) {
        for (entry, block) in zip(stride(from: 0, to: body.count, by: Self.entryBytes), blocks.filter { $0.kind == 1 })
        where entry + Self.entryBytes <= body.count {
            body.putIfZero(UInt64(block.offset), at: entry)
            body.putIfZero(UInt32(block.streamBytes), at: entry + 8)
            body.putIfZero(block.rawBytes, at: entry + 64)
        }
    }

    /// The pages of a directory, in the order of the blocks of keys.
    private func fillDirectory(_ body: inout [UInt8]) {
        var filled: [UInt8] = []
        var position = 0
        for page in blocks.filter({ $0.kind == 2 }) {
            var next = position
            guard let offset = body.varint(at: &next), let stream = body.varint(at: &next),
                let raw = body.varint(at: &next), let length = body.varint(at: &next), length <= body.count - next
            else { break }
            filled.append(varint: offset == 0 ? UInt64(page.offset) : offset)
            filled.append(varint: stream == 0 ? UInt64(page.streamBytes) : stream)
            filled.append(varint: raw == 0 ? UInt64(page.rawBytes) : raw)
            filled.append(varint: length)
            filled += body[next..<next + Int(length)]
            position = next + Int(length)
        }
        body = filled + body[position...]
    }

    private mutating func addFooter(_ template: [UInt8]) {
        let start = out.count
        out += template
        out.putIfZero(UInt64(out.count), at: start + 16)
        for (reference, kind) in [(72, 4), (88, 3), (104, 5)] {
            guard let block = blocks.last(where: { $0.kind == kind }) else { continue }
            out.putIfZero(UInt64(block.offset), at: start + reference)
            out.putIfZero(UInt32(block.streamBytes), at: start + reference + 8)
            out.putIfZero(block.rawBytes, at: start + reference + 12)
        }
        fillIdentity(at: start + 120)
        out.putIfZero(out.crc(start + 12..<out.count), at: start + 8)
    }

    private mutating func fillIdentity(at offset: Int) {
        let identity = HostileStore.identity
        if out.isZero(offset..<offset + 16) { out.replaceSubrange(offset..<offset + 16, with: identity.store.bytes) }
        let segment = offset + 16
        if out.isZero(segment..<segment + 16) {
            out.replaceSubrange(segment..<segment + 16, with: identity.segment.bytes)
        }
    }
}
