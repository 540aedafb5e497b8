// Owns: making the frames and the trailer of a raw segment of the bytes of a fuzzer: checksums and offsets of zero stand for
// the right ones, so that the fuzzer gets past them, and any other value for damage.

import SegmentLog

enum RawTemplate {
    static let fileBytes = 16 << 10
    static let firstFrame = 8192
    static let trailerBytes = 128
    private static let trailerOffset = fileBytes - 4096
    /// Between the headers and the trailer.
    static let frameArea = trailerOffset - firstFrame
    private static let frameBytes = 56
    private static let recordHeaderBytes = 32

    /// What stands in the file from its first frame on.
    static func frames(_ template: ArraySlice<UInt8>) -> [UInt8] {
        var frames = Array(template)
        guard frames.count >= frameBytes else { return frames }
        // From the back, so that a frame in the payload of another is right before its surroundings are summed up.
        for place in stride(from: 0, through: frames.count - frameBytes, by: 8).reversed()
        where frames.integer(at: place, as: UInt32.self) == 0x4D41_5246 {
            seal(frameAt: place, of: &frames)
        }
        return frames
    }

    /// The frames, and zeros up to the end of the file.
    static func padded(_ frames: [UInt8]) -> [UInt8] {
        frames + [UInt8](repeating: 0, count: fileBytes - firstFrame - frames.count)
    }

    /// What stands in the last page of a closed file.
    static func trailer(_ template: ArraySlice<UInt8>, base: RecordID) -> [UInt8] {
        var trailer = Array(template.prefix(trailerBytes))
        trailer += [UInt8](repeating: 0, count: trailerBytes - trailer.count)
        if trailer.isZero(0..<8) { trailer.replaceSubrange(0..<8, with: "EVCLOSED".utf8) }
        trailer.putIfZero(UInt64(trailerOffset), at: 16)
        trailer.putIfZero(base.rawValue, at: 32)
        trailer.putIfZero(trailer.crc(12..<trailerBytes, from: HostileStore.seed), at: 8)
        return trailer
    }

    private static func seal(frameAt place: Int, of frames: inout [UInt8]) {
        var sum: UInt32 = 0
        var offset = place + frameBytes
        let end = min(offset + Int(frames.integer(at: place + 44, as: UInt32.self)), frames.count)
        while offset + recordHeaderBytes <= end {
            let length = Int(frames.integer(at: offset + 4, as: UInt32.self))
            guard length > recordHeaderBytes, length <= end - offset else { break }
            frames.putIfZero(frames.crc(offset + 4..<offset + length), at: offset)
            sum = frames.crc(offset..<offset + 4, from: sum)
            offset += length
        }
        frames.putIfZero(UInt64(firstFrame + place), at: place + 8)
        frames.putIfZero(sum, at: place + 48)
        frames.putIfZero(frames.crc(place + 8..<place + frameBytes, from: HostileStore.seed), at: place + 4)
    }
}
