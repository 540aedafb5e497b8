// Owns: the promise that the quick way to an append is a way to the same place: what it finds, the decoder and the parser
// find too, and it finds nothing in what they refuse.

import EventModel
import Testing

@testable import EventWire

@Suite struct PlainAppendTests {
    private static let command =
        "*5\r\n$9\r\nEV.APPEND\r\n$5\r\norder\r\n$9\r\norder-001\r\n$7\r\ncreated\r\n$7\r\n{\"a\":1}\r\n"

    private func find(_ bytes: [UInt8], limits: WireLimits = WireLimits()) -> [[UInt8]]? {
        bytes.withUnsafeBytes { buffer in
            PlainAppend(front: buffer, limits: limits).map {
                [Array($0.category), Array($0.aggregateID), Array($0.eventType), Array($0.data), [UInt8($0.wireBytes)]]
            }
        }
    }

    /// What the ordinary way finds; nil where it is no append without options.
    private func parse(_ bytes: [UInt8], limits: WireLimits = WireLimits()) -> [[UInt8]]? {
        bytes.withUnsafeBytes { buffer in
            var decoder = RESPDecoder(limits: limits)
            guard case .command(let arguments, let consumed)? = try? decoder.next(buffer), arguments.count == 5,
                CommandParser.isAppend(arguments), let event = (try? AppendRequest(arguments))?.event
            else { return nil }
            return [
                Array(event.category), Array(event.aggregateID), Array(event.eventType), Array(event.data),
                [UInt8(consumed)],
            ]
        }
    }

    @Test("An append without options is found, with what comes behind it left alone")
    func found() {
        let bytes = Array(Self.command.utf8)
        let parts = find(bytes + Array("*1\r\n".utf8))
        #expect(parts == parse(bytes))
        #expect(parts?[3] == Array("{\"a\":1}".utf8) && parts?[4] == [UInt8(bytes.count)])
    }

    @Test("One that is not all there is none")
    func cut() {
        let bytes = Array(Self.command.utf8)
        for count in 0..<bytes.count { #expect(find(Array(bytes[..<count])) == nil) }
    }

    @Test("With any byte changed to any other it is what the ordinary way finds, or nothing")
    func changed() {
        let bytes = Array(Self.command.utf8)
        var (same, left) = (0, 0)
        for index in bytes.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = bytes
                changed[index] = byte
                guard let found = find(changed) else {
                    left += 1
                    continue
                }
                same += 1
                if found != parse(changed) { Issue.record("byte \(index) changed to \(byte)") }
            }
        }
        // Data and names may hold nearly anything; of the rest, nothing may change.
        #expect(same > 2000 && left > 10_000)
    }

    @Test("What passes a limit is left to the ordinary way")
    func limits() {
        let bytes = Array(Self.command.utf8)
        #expect(find(bytes, limits: WireLimits(argumentBytes: 9)) != nil)
        #expect(find(bytes, limits: WireLimits(argumentBytes: 8)) == nil)
        #expect(find(bytes, limits: WireLimits(commandBytes: 28)) == nil)
        #expect(find(bytes, limits: WireLimits(arguments: 4)) == nil)
        let data = String(repeating: "x", count: 7)
        let large = "*5\r\n$9\r\nEV.APPEND\r\n$1\r\nc\r\n$1\r\na\r\n$1\r\nt\r\n$100000007\r\n\(data)\r\n"
        #expect(find(Array(large.utf8)) == nil)
    }

    @Test("A plain name is a name of ASCII, wherever in it another byte stands")
    func plainNames() {
        for length in 0...24 {
            for position in 0..<max(length, 1) {
                for byte in UInt8.min...UInt8.max {
                    var name = [UInt8](repeating: UInt8(ascii: "n"), count: length)
                    if length > 0 { name[position] = byte }
                    let isPlain = name.withUnsafeBytes(NameRule.isPlain)
                    let isName = name.withUnsafeBytes { NameRule.violation($0, what: "name") == nil }
                    if isPlain != (isName && name.allSatisfy { $0 < 0x80 }) {
                        Issue.record("\(byte) at \(position) of \(length)")
                    }
                }
            }
        }
        #expect([UInt8](repeating: 0x61, count: 255).withUnsafeBytes(NameRule.isPlain))
        #expect(![UInt8](repeating: 0x61, count: 256).withUnsafeBytes(NameRule.isPlain))
    }
}
