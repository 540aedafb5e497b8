// Owns: the promises of the tail rule whatever stands in a raw segment: each id that was given is read or reported, what
// the scan has found whole is whole, and cutting what it calls torn changes nothing.
//
// The input is an octet of options and the frames of the file; no log is made around it.

import Disk
import SegmentLog

enum RawTarget {
    static func run(_ bytes: [UInt8]) {
        guard let options = bytes.first, bytes.count <= 4096 else { return }
        let base = RecordID(options & 1 == 0 ? 1 : 5)
        let header = FileHeader(
            kind: .raw,
            identity: HostileStore.identity,
            base: base,
            fileBytes: UInt64(RawTemplate.fileBytes)
        )
        let nextBase = options & 2 != 0 && options >> 4 > 0 ? base.advanced(by: Int(options >> 4)) : nil
        let frames = Array(RawTemplate.frames(bytes.dropFirst()).prefix(RawTemplate.frameArea))
        // The file is cut behind what is given, or as long as it was made.
        let file = HostileFile(options & 4 == 0 ? RawTemplate.padded(frames) : frames, at: RawTemplate.firstFrame)
        let found = scan(file, header, nextBase)

        let register = DamageRegister()
        let segment = RawSegment(file: file, header: header, register: register, found: found)
        let tail = RecordID(found.nextID.rawValue - 1)
        let view = LogView(segments: [segment], damage: found.damage, tail: tail)
        let records = HostileStore.check(view, isClean: found.damage.isEmpty, lookUp: 1)
        for ids in register.ids(of: [segment.id]) {
            let isKnown = found.damage.contains { $0.lowerBound <= ids.lowerBound && ids.upperBound <= $0.upperBound }
            require(isKnown, "a record that was found whole is damaged")
        }
        requireAnswers(records.map { $0.id...$0.id } + found.damage, for: base, upTo: found.nextID)
        if let nextBase { require(found.nextID == nextBase, "an id that nobody answers for") }

        guard let torn = found.torn else { return }
        require(nextBase == nil && torn.lowerBound == found.end && torn.upperBound.rawValue <= file.size())
        // Where something is damaged nothing goes on in the file, since what is torn may be what proves it.
        guard found.damage.isEmpty, found.isWhole else { return }
        let whole = Array(frames.prefix(torn.lowerBound - FileOffset(UInt64(RawTemplate.firstFrame))))
        let again = scan(HostileFile(RawTemplate.padded(whole), at: RawTemplate.firstFrame), header, nil)
        require(
            again.nextID == found.nextID && again.damage == found.damage && again.end == found.end && again.torn == nil,
            "what is torn is needed"
        )
    }

    private static func scan(_ file: HostileFile, _ header: FileHeader, _ nextBase: RecordID?) -> TailScanner.Outcome {
        guard let found = try? TailScanner.scan(file, header: header, nextBase: nextBase) else {
            fatalError("a scan fails though the disk does not")
        }
        return found
    }

    /// Each id from `base` on lies in one of the ranges, and in one alone.
    private static func requireAnswers(_ ranges: [ClosedRange<RecordID>], for base: RecordID, upTo next: RecordID) {
        var expected = base
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            require(range.lowerBound == expected, "an id that is neither read nor reported, or both")
            expected = range.upperBound.next
        }
        require(expected == next, "an id that is neither read nor reported")
    }
}
