// Owns: the promise that a header costs nothing: however much it announces, memory is taken for what has arrived.

import Foundation
import Testing

@testable import EventWire

/// One at a time: what is measured is the memory of the whole process.
@Suite(.serialized) struct LyingHeaderTests {
    /// Bytes that the process has taken, used or not.
    private static func takenBytes() throws -> Int {
        let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
        return try #require(Int(fields[0])) * 4096
    }

    private static let decoders = 20_000
    /// A fraction of what any of the headers below announces, times the number of decoders; and more than tests beside this
    /// one take.
    private static let limit = 2 << 30

    @Test(
        "a command that announces the most it may costs no memory before it comes",
        arguments: [
            "*16384\r\n", "*1048576\r\n", "*1\r\n$1048576\r\n", "*1\r\n$536870912\r\n",
            "*1048576\r\n$536870912\r\n", "*16384\r\n$1048576\r\nx",
        ]
    )
    func commands(header: String) throws {
        let before = try Self.takenBytes()
        let after = try holding(Self.decoders) {
            var decoder = RESPDecoder()
            _ = try decode(&decoder, header)
            return Box(command: decoder)
        }
        #expect(after - before < Self.limit)
    }

    @Test(
        "a reply that announces the most it may costs no memory before it comes",
        arguments: [
            "*16777216\r\n", "%16777216\r\n", ">16777216\r\n", "~16777216\r\n", "$536870912\r\n", "=536870912\r\n",
            "*16777216\r\n*16777216\r\n*16777216\r\n$536870912\r\nx",
        ]
    )
    func replies(header: String) throws {
        let before = try Self.takenBytes()
        let after = try holding(Self.decoders) {
            var decoder = RESPReplyDecoder()
            var header = header
            try header.withUTF8 { bytes in _ = try decoder.next(UnsafeRawBufferPointer(bytes)) }
            return Box(reply: decoder)
        }
        #expect(after - before < Self.limit)
    }

    @Test(
        "a length beyond all reason is refused by its header",
        arguments: ["$1073741824\r\n", "*2147483647\r\n", "*99999999999\r\n", "$-2\r\n", "%16777217\r\n"]
    )
    func refused(header: String) {
        #expect(throws: WireError.self) {
            var decoder = RESPReplyDecoder()
            var header = header
            try header.withUTF8 { bytes in _ = try decoder.next(UnsafeRawBufferPointer(bytes)) }
        }
        #expect(throws: WireError.self) {
            var decoder = RESPDecoder()
            _ = try decode(&decoder, header.first == "*" ? header : "*1\r\n" + header)
        }
    }

    private func decode(_ decoder: inout RESPDecoder, _ text: String) throws -> Int {
        var text = text
        return try text.withUTF8 { bytes in
            switch try decoder.next(UnsafeRawBufferPointer(bytes)) {
            case .incomplete(let consumed), .command(_, let consumed), .refused(_, let consumed): consumed
            }
        }
    }

    /// Makes so many, and measures while they are all there.
    private func holding(_ count: Int, _ make: () throws -> Box) throws -> Int {
        var boxes: [Box] = []
        for _ in 0..<count { boxes.append(try make()) }
        return try withExtendedLifetime(boxes) { try Self.takenBytes() }
    }
}

private final class Box {
    private let command: RESPDecoder
    private let reply: RESPReplyDecoder

    init(command: consuming RESPDecoder = RESPDecoder(), reply: consuming RESPReplyDecoder = RESPReplyDecoder()) {
        self.command = command
        self.reply = reply
    }
}
