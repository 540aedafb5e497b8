// Owns: the format of zone files, TZif (RFC 8536 and 9636, versions 1 to 4), read into the rules of the zone.
// Refuses to know: where files are. Every count is held against the bytes that are there.

/// Why bytes are no zone file.
struct ZoneFileFault: Error, Equatable {
    let reason: String
}

enum ZoneFile {
    private static let headerBytes = 44

    /// The six counts of a header, and what follows from them.
    private struct Header {
        let version: UInt8
        let isUTCs, isStandards, leapSeconds, transitions, types, abbreviationBytes: Int

        /// Bytes of the block of data behind the header, whose times have so many bytes each.
        func dataBytes(timeBytes: Int) -> Int {
            transitions * (timeBytes + 1) + types * 6 + abbreviationBytes + leapSeconds * (timeBytes + 4) + isStandards
                + isUTCs
        }
    }

    static func rules(_ bytes: [UInt8]) throws(ZoneFileFault) -> ZoneRules {
        let first = try header(bytes[...])
        let firstData = bytes[...].dropFirst(headerBytes)
        // Version 1 has times of 32 bits, and nothing behind them. Later ones repeat the data with 64 bits.
        guard first.version != 0 else { return try rules(first, firstData, timeBytes: 4, footer: nil) }
        let second = firstData.dropFirst(first.dataBytes(timeBytes: 4))
        let header = try header(second)
        let data = second.dropFirst(headerBytes)
        let footer = data.dropFirst(header.dataBytes(timeBytes: 8))
        guard let start = footer.first, start == UInt8(ascii: "\n"),
            let end = footer.dropFirst().firstIndex(of: UInt8(ascii: "\n"))
        else { throw ZoneFileFault(reason: "it is cut short") }
        let text = String(decoding: footer[(footer.startIndex + 1)..<end], as: UTF8.self)
        return try rules(header, data, timeBytes: 8, footer: text)
    }

    private static func header(_ bytes: ArraySlice<UInt8>) throws(ZoneFileFault) -> Header {
        guard bytes.starts(with: "TZif".utf8) else { throw ZoneFileFault(reason: "it does not begin with TZif") }
        guard bytes.count >= headerBytes else { throw ZoneFileFault(reason: "it is cut short") }
        let counts = (0..<6).map { integer(bytes.dropFirst(20 + 4 * $0).prefix(4)) & 0xFFFF_FFFF }
        return Header(
            version: bytes[bytes.startIndex + 4],
            isUTCs: counts[0],
            isStandards: counts[1],
            leapSeconds: counts[2],
            transitions: counts[3],
            types: counts[4],
            abbreviationBytes: counts[5]
        )
    }

    private static func rules(
        _ header: Header,
        _ data: ArraySlice<UInt8>,
        timeBytes: Int,
        footer: String?
    ) throws(ZoneFileFault) -> ZoneRules {
        guard data.count >= header.dataBytes(timeBytes: timeBytes) else {
            throw ZoneFileFault(reason: "it is cut short")
        }
        // In such files a time is not seconds since the epoch as all others count them.
        guard header.leapSeconds == 0 else { throw ZoneFileFault(reason: "it counts leap seconds") }
        let times = data.prefix(header.transitions * timeBytes)
        let indices = data.dropFirst(times.count).prefix(header.transitions)
        let types = data.dropFirst(times.count + indices.count).prefix(header.types * 6)

        var offsets: [Int] = []
        for index in 0..<header.types {
            let offset = integer(types.dropFirst(index * 6).prefix(4))
            guard offset.magnitude <= ZoneRules.maximumOffset else {
                throw ZoneFileFault(reason: "it has an offset of \(offset) s, and no clock is so far from UTC")
            }
            offsets.append(offset)
        }
        guard let initialOffset = offsets.first else { throw ZoneFileFault(reason: "it has no offset") }

        var transitions: [ZoneRules.Transition] = []
        for (index, type) in indices.enumerated() {
            let time = integer(times.dropFirst(index * timeBytes).prefix(timeBytes))
            guard Int(type) < offsets.count, transitions.last.map({ $0.at < time }) ?? true else {
                throw ZoneFileFault(reason: "its transitions are not in order")
            }
            transitions.append(.init(at: time, offset: offsets[Int(type)]))
        }
        guard let footer, !footer.isEmpty else {
            return ZoneRules(initialOffset: initialOffset, transitions: transitions)
        }
        guard let afterwards = PosixZone(footer) else {
            throw ZoneFileFault(reason: "it ends with “\(footer)”, which is no rule of POSIX")
        }
        return ZoneRules(initialOffset: initialOffset, transitions: transitions, afterwards: afterwards)
    }

    /// Big-endian, in two's complement.
    private static func integer(_ bytes: ArraySlice<UInt8>) -> Int {
        let value = bytes.reduce(0) { $0 << 8 | Int($1) }
        let unused = Int.bitWidth - 8 * bytes.count
        return (value << unused) >> unused
    }
}
