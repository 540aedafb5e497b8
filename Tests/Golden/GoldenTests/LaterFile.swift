// Owns: files of a store as another version would have written them: edited as the pages of the formats say, with their
// checksums right.

import Foundation
import SegmentLog
import Testing

extension GoldenCopy {
    /// Where the header of a segment stands.
    enum HeaderPlace: CaseIterable {
        /// At the beginning of the file.
        case first
        /// On the second page of a raw segment, in the footer of a sealed one.
        case second
        case both
    }

    /// The files of the log with this ending, in the order of their ids.
    func log(_ suffix: String) throws -> [String] {
        try image().keys.filter { $0.hasPrefix("log/") && $0.hasSuffix(suffix) }.sorted()
    }

    func patch(_ path: String, _ edit: (inout [UInt8]) throws -> Void) throws {
        let file = data.appending(path: path)
        var bytes = try Array(Data(contentsOf: file))
        try edit(&bytes)
        try Data(bytes).write(to: file)
    }

    func patchStoreFile(format: Int) throws {
        try patch("store.json") { bytes in
            let text = String(decoding: bytes, as: UTF8.self).replacing("\"format\":2", with: "\"format\":\(format)")
            let end = try #require(text.range(of: ",\"crc\""))
            let head = text[..<end.lowerBound]
            bytes = Array("\(head),\"crc\":\(Checksum.crc32(Array(head.utf8)))}\n".utf8)
        }
    }

    func patchHeader(of path: String, at place: HeaderPlace = .both, _ edit: (inout [UInt8]) -> Void) throws {
        try patch(path) { bytes in
            let isSealed = path.hasSuffix(".segment")
            let second = isSealed ? bytes.count - Int(bytes.number(at: bytes.count - 16, as: UInt32.self)) : 4096
            let places =
                switch place {
                case .first: [0]
                case .second: [second]
                case .both: [0, second]
                }
            for place in places {
                var header = Array(bytes[place..<place + 192])
                edit(&header)
                header.put(UInt32(0), at: 12)
                header.put(Checksum.crc32(header), at: 12)
                bytes.replaceSubrange(place..<place + 192, with: header)
            }
            if isSealed { bytes.put(Checksum.crc32(Array(bytes[second..<bytes.count - 12])), at: bytes.count - 12) }
        }
    }

    /// Gives a sealed segment another section, and its block.
    func addSection(kind: UInt8, flags: UInt8, to path: String) throws {
        try patch(path) { bytes in
            let length = Int(bytes.number(at: bytes.count - 16, as: UInt32.self))
            let start = bytes.count - length
            var footer = Array(bytes[start..<bytes.count - 16])
            let content = Array("what a later version has to say".utf8)

            var block = Array("BLCK".utf8) + [UInt8](repeating: 0, count: 52)
            block.put(UInt64(start), at: 8)
            block.put(UInt32(1), at: 32)
            block.put(UInt32(content.count), at: 36)
            block.put(UInt32(content.count), at: 40)
            block.put(Checksum.crc32(content), at: 44)
            block.replaceSubrange(48..<51, with: [kind, 0, 1])
            block.put(Checksum.crc32(Array(block[8...]), from: Checksum.crc32(Array(bytes[16..<48]))), at: 4)

            var section = [kind, flags] + [UInt8](repeating: 0, count: 30)
            section.put(UInt64(start), at: 8)
            section.put(UInt32(content.count), at: 16)
            section.put(UInt32(content.count), at: 20)
            footer += section
            footer.put(UInt64(start + block.count + content.count + length + section.count), at: 192)
            footer.put(footer.number(at: 192 + 80, as: UInt32.self) + 1, at: 192 + 80)
            footer += [0, 0, 0, 0]
            footer.put(UInt32(length + section.count), at: footer.count - 4)
            let crc = withUnsafeBytes(of: Checksum.crc32(footer).littleEndian) { Array($0) }
            bytes = bytes[..<start] + block + content + footer + crc + Array("EVFOOTER".utf8)
        }
    }

    /// Edits each entry of the manifest.
    func patchManifest(_ edit: (inout [UInt8]) -> Void) throws {
        try patch("manifest") { bytes in
            for place in stride(from: 0, to: 8192, by: 2048) where bytes[place] != 0 {
                var entry = Array(bytes[place..<place + 256])
                edit(&entry)
                entry.put(UInt32(0), at: 12)
                entry.put(Checksum.crc32(entry), at: 12)
                bytes.replaceSubrange(place..<place + 256, with: entry)
            }
        }
    }

    func patchSnapshot(_ path: String, _ edit: (inout [UInt8]) -> Void) throws {
        try patch(path) { bytes in
            edit(&bytes)
            bytes.put(UInt32(0), at: 12)
            bytes.put(Checksum.crc32(bytes), at: 12)
        }
    }
}

extension [UInt8] {
    mutating func put(_ value: some FixedWidthInteger, at offset: Int) {
        Swift.withUnsafeBytes(of: value.littleEndian) { replaceSubrange(offset..<offset + $0.count, with: $0) }
    }

    fileprivate func number<Value: FixedWidthInteger>(at offset: Int, as type: Value.Type) -> Value {
        withUnsafeBytes { Value(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Value.self)) }
    }
}
