// Owns: making the frames of a raw segment of the bytes of a fuzzer: checksums and offsets of zero stand for the right
// ones, so that the fuzzer gets past them, and any other value for damage.

import SegmentLog

enum RawTemplate {
    static let firstFrame = 8192
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
