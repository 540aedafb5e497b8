// Owns: a reader of segments written from the page on the format and from nothing else: not one line of the production
// decoders, not even its CRC. What it reads as the page says, anyone can.

import CZlib

/// What a record is, for a reader that has only the page.
struct PageRecord: Equatable {
    var id: UInt64
    var time: Int64
    var recordedAt: Int64
    var keys: [String]
    var payload: [UInt8]
}

/// What the store says of itself.
struct PageControl: Equatable {
    var sequence: UInt64
    var position: UInt64
    var recordedAt: Int64
    var keys: [String]
    var payload: [UInt8]
}

/// The page is wrong, or the bytes are.
struct PageError: Error {
    let reason: String
}

struct PageReader {
    let bytes: [UInt8]
    private let seed: UInt32

    init(_ bytes: [UInt8], magic: String) throws {
        self.bytes = bytes
        try Self.check(Array(bytes[0..<8]) == Array(magic.utf8), "magic of the file")
        seed = Self.crc32(bytes[16..<48])
        try Self.checkHeader(bytes[..<192])
    }

    private static func checkHeader(_ bytes: ArraySlice<UInt8>) throws {
        let bytes = Array(bytes)
        let header = bytes[0..<12] + [0, 0, 0, 0] + bytes[16...]
        try check(number(bytes[8..<10]) == 2 && number(bytes[10..<12]) == 192, "version and length of the header")
        try check(UInt32(number(bytes[12..<16])) == crc32(header), "crc of the header")
        try check(bytes[64..<76].allSatisfy { $0 == 0 } && bytes[76] == 1, "features and checksum")
    }

    /// What a raw segment holds, from its frames; and whether its trailer says the same.
    func rawRecords() throws -> (records: [PageRecord], controls: [PageControl]) {
        var records: [PageRecord] = []
        var controls: [PageControl] = []
        var offset = 8192
        while offset + 56 <= bytes.count, Array(bytes[offset..<offset + 4]) == Array("FRAM".utf8) {
            let crc = Self.crc32(bytes[offset + 8..<offset + 56], from: seed)
            try Self.check(UInt32(number(offset + 4, 4)) == crc, "crc of a frame header")
            try Self.check(Int(number(offset + 8, 8)) == offset, "offset of a frame")
            var place = offset + 56
            let end = place + Int(number(offset + 44, 4))
            let count = Int(number(offset + 40, 4))
            var crcs: [UInt8] = []
            var seen = 0
            while place < end {
                let length = Int(number(place + 4, 4))
                let crc = Self.crc32(bytes[place + 4..<place + length])
                try Self.check(UInt32(number(place, 4)) == crc, "crc of a record")
                crcs += bytes[place..<place + 4]
                let (keys, payload) = Self.body(bytes[place + 32..<place + length])
                let recordedAt = Int64(bitPattern: number(place + 24, 8))
                if seen < count {
                    records.append(
                        PageRecord(
                            id: number(place + 8, 8),
                            time: Int64(bitPattern: number(place + 16, 8)),
                            recordedAt: recordedAt,
                            keys: keys,
                            payload: payload
                        )
                    )
                } else {
                    controls.append(
                        PageControl(
                            sequence: number(place + 16, 8),
                            position: number(place + 8, 8),
                            recordedAt: recordedAt,
                            keys: keys,
                            payload: payload
                        )
                    )
                }
                seen += 1
                place += length
            }
            try Self.check(seen == count + Int(number(offset + 52, 4)), "records of a frame")
            try Self.check(UInt32(number(offset + 48, 4)) == Self.crc32(crcs[...]), "crc of a frame's body")
            offset = (end + 7) / 8 * 8
        }
        try Self.check(bytes[offset..<offset + 56].allSatisfy { $0 == 0 }, "zeros behind the last frame")
        try checkTrailer(records, controls, end: offset)
        return (records, controls)
    }

    private func checkTrailer(_ records: [PageRecord], _ controls: [PageControl], end: Int) throws {
        let trailer = bytes.count - 4096
        try Self.check(Int(number(56, 8)) == bytes.count, "bytes of the file")
        try Self.check(Array(bytes[trailer..<trailer + 8]) == Array("EVCLOSED".utf8), "magic of the trailer")
        let crc = Self.crc32(bytes[trailer + 12..<trailer + 128], from: seed)
        try Self.check(UInt32(number(trailer + 8, 4)) == crc, "crc of the trailer")
        let fields = stride(from: 16, to: 104, by: 8).map { number(trailer + $0, 8) }
        let times = records.map(\.time)
        let expected: [UInt64] =
            [UInt64(trailer), UInt64(end), records[0].id, records[records.count - 1].id]
            + [UInt64(records.count), UInt64(controls.count)]
        try Self.check(Array(fields[..<6]) == expected, "numbers of the trailer")
        let moments = [records[0].recordedAt, records[records.count - 1].recordedAt, times.min()!, times.max()!]
        try Self.check(Array(fields[7...]) == moments.map { UInt64(bitPattern: $0) }, "times of the trailer")
    }

    struct Block {
        let kind: UInt8
        let firstID: UInt64
        let count: Int
        let raw: [UInt8]
        let end: Int
    }

    func block(at offset: Int) throws -> Block {
        try Self.check(Array(bytes[offset..<offset + 4]) == Array("BLCK".utf8), "magic of a block")
        let crc = Self.crc32(bytes[offset + 8..<offset + 56], from: seed)
        try Self.check(UInt32(number(offset + 4, 4)) == crc, "crc of a block header")
        try Self.check(Int(number(offset + 8, 8)) == offset, "offset of a block")
        let stream = Array(bytes[offset + 56..<offset + 56 + Int(number(offset + 40, 4))])
        try Self.check(UInt32(number(offset + 44, 4)) == Self.crc32(stream[...]), "crc of a stream")
        try Self.check(bytes[offset + 50] == 1 && bytes[offset + 49] <= 1, "codec and checksum of a block")
        var raw = [UInt8](repeating: 0, count: Int(number(offset + 36, 4)))
        if bytes[offset + 49] == 0 {
            raw = stream
        } else {
            var length = UInt(raw.count)
            let status = uncompress(&raw, &length, stream, UInt(stream.count))
            try Self.check(status == Z_OK && Int(length) == raw.count, "stream of a block")
        }
        return Block(
            kind: bytes[offset + 48],
            firstID: number(offset + 16, 8),
            count: Int(number(offset + 32, 4)),
            raw: raw,
            end: offset + 56 + stream.count
        )
    }

    /// Where the footer begins.
    private var footer: Int { bytes.count - Int(number(bytes.count - 16, 4)) }

    /// Where the block of a section lies.
    private func section(_ kind: UInt8) throws -> Int {
        let first = footer + 192 + 88
        let count = Int(number(footer + 192 + 80, 4))
        let places = (0..<count).map { first + 32 * $0 }.filter { bytes[$0] == kind }
        try Self.check(places.count == 1, "section \(kind)")
        return Int(number(places[0] + 8, 8))
    }

    /// The records of a sealed segment, from the blocks that its table lists.
    func sealedRecords() throws -> [PageRecord] {
        try Self.check(Array(bytes.suffix(8)) == Array("EVFOOTER".utf8), "magic of the footer")
        let crc = Self.crc32(bytes[footer..<bytes.count - 12])
        try Self.check(UInt32(number(bytes.count - 12, 4)) == crc, "crc of the footer")
        try Self.check(bytes[footer..<footer + 192] == bytes[..<192], "the header once more")
        let summary = footer + 192
        try Self.check(Int(number(summary, 8)) == bytes.count, "file bytes")
        let table = try block(at: section(4))
        let times = try block(at: section(6))
        try Self.check(table.kind == 4 && table.raw.count == table.count * 40, "blocks")
        try Self.check(times.kind == 6 && times.raw.count == table.count * 32, "times")
        var records: [PageRecord] = []
        for entry in 0..<table.count {
            let found = try columns(of: try block(at: Int(Self.number(table.raw[entry * 40..<entry * 40 + 8]))))
            let bounds = stride(from: 0, to: 32, by: 8).map {
                Int64(bitPattern: Self.number(times.raw[entry * 32 + $0..<entry * 32 + $0 + 8]))
            }
            let moments = [
                found.map(\.time).min()!, found.map(\.time).max()!, found[0].recordedAt,
                found[found.count - 1].recordedAt,
            ]
            try Self.check(bounds == moments, "times of a block")
            records += found
        }
        try Self.check(UInt64(records.count) == number(summary + 8, 8), "record count")
        return records
    }

    func sealedControls() throws -> [PageControl] {
        let block = try block(at: section(7))
        var rest = block.raw[...]
        var sequence: UInt64 = 0
        return try (0..<block.count).map { _ in
            sequence += Self.varint(&rest)
            let (position, recordedAt) = (Self.varint(&rest), Self.zigzag(&rest))
            let (keys, payload) = Self.body(Self.take(Int(Self.varint(&rest)), &rest)[...])
            try Self.check(UInt64(block.count) == number(footer + 192 + 72, 8), "control count")
            return PageControl(
                sequence: sequence,
                position: position,
                recordedAt: recordedAt,
                keys: keys,
                payload: payload
            )
        }
    }

    private func columns(of block: Block) throws -> [PageRecord] {
        try Self.check(block.kind == 1, "kind of a block")
        var rest = block.raw[1...]
        let unit = [0: 1, 3: 1_000, 6: 1_000_000, 9: 1_000_000_000][Int(block.raw[0])]! as Int64
        var records = (0..<block.count).map { _ in
            PageRecord(id: 0, time: 0, recordedAt: 0, keys: [], payload: [])
        }
        var (id, time, recordedAt) = (block.firstID, Int64(0), Int64(0))
        for index in records.indices {
            id += Self.varint(&rest)
            records[index].id = id
        }
        for index in records.indices {
            time &+= Self.zigzag(&rest)
            records[index].time = time &* unit
        }
        for index in records.indices {
            recordedAt &+= Self.zigzag(&rest)
            records[index].recordedAt = recordedAt
        }
        let lengths = records.indices.map { _ in Int(Self.varint(&rest)) }
        for (index, length) in zip(records.indices, lengths) {
            (records[index].keys, records[index].payload) = Self.body(rest.prefix(length))
            rest = rest.dropFirst(length)
        }
        try Self.check(rest.isEmpty, "bytes behind the bodies")
        return records
    }

    /// The keys of a sealed segment in order, with how many records have each; and whether the filter knows them.
    func keys() throws -> [(key: String, records: Int, isInFilter: Bool)] {
        let filter = try block(at: section(5))
        var directory = try block(at: section(3)).raw[...]
        var keys: [(String, Int, Bool)] = []
        while !directory.isEmpty {
            var page = try block(at: Int(Self.varint(&directory))).raw[...]
            _ = Self.varint(&directory)
            try Self.check(Self.varint(&directory) == UInt64(page.count), "raw bytes of a page")
            let firstKey = Self.take(Int(Self.varint(&directory)), &directory)
            var key: [UInt8] = []
            var isFirst = true
            while !page.isEmpty {
                let shared = Int(Self.varint(&page))
                key = key.prefix(shared) + Self.take(Int(Self.varint(&page)), &page)
                if isFirst { try Self.check(key == firstKey, "first key of a page") }
                isFirst = false
                let records = Int(Self.varint(&page))
                for _ in 0..<Self.varint(&page) { _ = Self.varint(&page) }
                keys.append((String(decoding: key, as: UTF8.self), records, Self.isIn(filter.raw, key)))
            }
        }
        return keys
    }

    private static func isIn(_ filter: [UInt8], _ key: [UInt8]) -> Bool {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in key { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        hash = (hash ^ hash >> 30) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ hash >> 27) &* 0x94D0_49BB_1331_11EB
        hash = hash ^ hash >> 31
        let (low, step, bits) = (hash & 0xFFFF_FFFF, hash >> 32 | 1, number(filter[0..<8]))
        return (0...6).allSatisfy { index in
            let bit = (low + UInt64(index) * step) % bits
            return filter[8 + Int(bit / 8)] >> UInt8(bit % 8) & 1 == 1
        }
    }

    private static func body(_ body: ArraySlice<UInt8>) -> (keys: [String], payload: [UInt8]) {
        var rest = body
        let keys = (0..<rest.removeFirst()).map { _ in
            let length = Int(rest.removeFirst()) + 1
            return String(decoding: take(length, &rest), as: UTF8.self)
        }
        return (keys, Array(rest))
    }

    private static func take(_ count: Int, _ bytes: inout ArraySlice<UInt8>) -> [UInt8] {
        defer { bytes = bytes.dropFirst(count) }
        return Array(bytes.prefix(count))
    }

    private static func varint(_ bytes: inout ArraySlice<UInt8>) -> UInt64 {
        let byte = bytes.removeFirst()
        return UInt64(byte & 0x7F) | (byte < 0x80 ? 0 : varint(&bytes) << 7)
    }

    private static func zigzag(_ bytes: inout ArraySlice<UInt8>) -> Int64 {
        let value = varint(&bytes)
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    private func number(_ offset: Int, _ size: Int) -> UInt64 {
        Self.number(bytes[offset..<offset + size])
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func crc32(_ bytes: ArraySlice<UInt8>, from start: UInt32 = 0) -> UInt32 {
        var crc = ~start
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
        return ~crc
    }

    private static func check(_ holds: Bool, _ what: String) throws {
        if !holds { throw PageError(reason: what) }
    }
}
