// Owns: making a sealed segment of the bytes of a fuzzer, so that it gets past the checksums and into the streams.
//
// A template is a sealed segment with its contents unpacked, in which zero stands for what is right: a checksum, an offset,
// a length, the identity. What is not zero is left as it is, and is a lie mostly. The octet behind the checksum of a block
// has two bits of its own: 1 takes the bytes for a stream as they stand, 2 makes the header claim a longer one. The footer
// comes without the header it begins with, which is the right one there, and without its tail.

import SegmentLog

struct SealedTemplate {
    private static let headerBytes = 192
    private static let blockHeaderBytes = 56
    private static let summaryBytes = 88
    private static let sectionBytes = 32
    private static let entryBytes = 40

    private struct Block {
        let kind: UInt8
        let offset: Int
        let contentBytes: Int
        let rawBytes: UInt32
    }

    private var out: [UInt8]
    private var blocks: [Block] = []

    /// Nil where the template is too short to be one.
    static func file(_ template: ArraySlice<UInt8>) -> [UInt8]? {
        guard template.count >= headerBytes + summaryBytes else { return nil }
        let template = Array(template)
        var file = SealedTemplate(out: Array(template[..<headerBytes]))
        file.fillIdentity(at: 16)
        file.out.reserveCapacity(2 * template.count)
        file.out.putIfZero(file.out.crc(0..<headerBytes), at: 12)
        var position = headerBytes
        while template.count - position >= blockHeaderBytes + summaryBytes,
            template[position..<position + 4].elementsEqual("BLCK".utf8)
        {
            position = file.addBlock(template[position..<template.count - summaryBytes])
        }
        file.addFooter(Array(template[position...]))
        return file.out
    }

    /// Adds the block that the rest of the template begins with; returns where the next begins.
    private mutating func addBlock(_ rest: ArraySlice<UInt8>) -> Int {
        var header = Array(rest.prefix(Self.blockHeaderBytes))
        let length = Int(header.integer(at: 40, as: UInt32.self))
        var body = Array(rest.dropFirst(Self.blockHeaderBytes).prefix(length))
        let next = rest.startIndex + Self.blockHeaderBytes + body.count
        let (kind, flags) = (header[48], header[51])
        header[51] = 0
        if kind == 4 { fillTable(&body) }
        if kind == 3 { fillDirectory(&body) }
        header.putIfZero(UInt32(body.count), at: 36)
        let stream = header[49] == 1 && flags & 1 == 0 ? ZlibStream.stored(body) : body
        header.put(UInt32(stream.count) + (flags & 2 == 0 ? 0 : 0x3000_0000), at: 40)
        header.putIfZero(UInt64(out.count), at: 8)
        header.putIfZero(Checksum.crc32(stream), at: 44)
        header.putIfZero(header.crc(8..<header.count, from: HostileStore.seed), at: 4)
        blocks.append(
            Block(
                kind: kind,
                offset: out.count,
                contentBytes: stream.count,
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
            body.putIfZero(UInt32(block.contentBytes), at: entry + 8)
            body.putIfZero(block.rawBytes, at: entry + 12)
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
            filled.append(varint: stream == 0 ? UInt64(page.contentBytes) : stream)
            filled.append(varint: raw == 0 ? UInt64(page.rawBytes) : raw)
            filled.append(varint: length)
            filled += body[next..<next + Int(length)]
            position = next + Int(length)
        }
        body = filled + body[position...]
    }

    private mutating func addFooter(_ template: [UInt8]) {
        let start = out.count
        var header = Array(out[..<Self.headerBytes])
        header.put(UInt32(0), at: 12)
        header.put(header.crc(0..<header.count), at: 12)
        out += header
        let summary = out.count
        out += template
        let sections = (template.count - Self.summaryBytes) / Self.sectionBytes
        out.putIfZero(UInt64(out.count + 16), at: summary)
        out.putIfZero(UInt32(sections), at: summary + 80)
        for index in 0..<sections {
            let section = summary + Self.summaryBytes + index * Self.sectionBytes
            guard let block = blocks.last(where: { $0.kind == out[section] }) else { continue }
            out.putIfZero(UInt64(block.offset), at: section + 8)
            out.putIfZero(UInt32(block.contentBytes), at: section + 16)
            out.putIfZero(block.rawBytes, at: section + 20)
        }
        out += [UInt8](repeating: 0, count: 8)
        out.put(UInt32(out.count + 8 - start), at: out.count - 8)
        out.put(out.crc(start..<out.count - 4), at: out.count - 4)
        out += Array("EVFOOTER".utf8)
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
