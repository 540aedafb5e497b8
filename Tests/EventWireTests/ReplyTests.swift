// Owns: the promises about replies that are not events, and about what a client's decoder takes and refuses.

import EventModel
import Testing

@testable import EventWire

@Suite struct ReplyTests {
    private func reply(_ version: RESPVersion, _ write: (inout ReplyEncoder) -> Void) -> String {
        var replies = ReplyEncoder(version: version)
        write(&replies)
        return String(decoding: replies.bytes, as: UTF8.self)
    }

    @Test("each reply has its form in each dialect")
    func forms() {
        #expect(reply(.resp2) { $0.simple("OK") } == "+OK\r\n")
        #expect(reply(.resp2) { $0.integer(Int64(-5)) } == ":-5\r\n")
        #expect(reply(.resp2) { $0.integer(EventID(.max)) } == ":18446744073709551615\r\n")
        #expect(reply(.resp2) { $0.bulk("ü") } == "$2\r\nü\r\n")
        #expect(reply(.resp2) { $0.bulk([]) } == "$0\r\n\r\n")
        #expect(reply(.resp2) { $0.array(0) } == "*0\r\n")
        #expect(reply(.resp2) { $0.null() } == "$-1\r\n")
        #expect(reply(.resp3) { $0.null() } == "_\r\n")
        #expect(reply(.resp2) { $0.nullArray() } == "*-1\r\n")
        #expect(reply(.resp3) { $0.nullArray() } == "_\r\n")
        #expect(reply(.resp2) { $0.map(3) } == "*6\r\n")
        #expect(reply(.resp3) { $0.map(3) } == "%3\r\n")
        #expect(reply(.resp3) { $0.push(3) } == ">3\r\n")
        #expect(
            reply(.resp2) { $0.error(StoreError(.conflict, ids: [EventID(7)], "in the way")) }
                == "-CONFLICT 7 in the way\r\n"
        )
    }

    @Test("integers in a row are written as each by itself", arguments: [0, 1, 8, 98, 999_990, .max - 30] as [UInt64])
    func integersInARow(first: UInt64) {
        for count in [0, 1, 2, 11, 25] {
            var (row, each) = (ReplyEncoder(), ReplyEncoder())
            row.integers(from: first, count: count)
            for offset in 0..<UInt64(count) { each.integer(first + offset) }
            #expect(row.bytes == each.bytes)
        }
    }

    @Test("a client reads every type of reply, however it arrives", arguments: [1, 5, .max])
    func types(chunk: Int) throws {
        let text =
            "+OK\r\n-CONFLICT 7 x\r\n:-5\r\n$1\r\na\r\n$-1\r\n*-1\r\n_\r\n#t\r\n#f\r\n,1.5\r\n!5\r\nERR x\r\n"
            + "=7\r\ntxt:abc\r\n*2\r\n*0\r\n*1\r\n:1\r\n%1\r\n+k\r\n~1\r\n:2\r\n>1\r\n+p\r\n$0\r\n\r\n"
        let values = try decodeReplies(Array(text.utf8), chunk: chunk)
        let expected: [RESPValue] = [
            .simple("OK"), .error(StoreError(.conflict, ids: [EventID(7)], "x")), .integer(-5), .bulk([0x61]), .null,
            .null, .null, .boolean(true), .boolean(false), .double(1.5), .error(StoreError(.other, "x")),
            .bulk(Array("abc".utf8)), .array([.array([]), .array([.integer(1)])]),
            .map([.simple("k"), .array([.integer(2)])]), .push([.simple("p")]), .bulk([]),
        ]
        #expect(values == expected)
    }

    @Test(
        "a client refuses what is no reply",
        arguments: [
            "?\r\n", "$-2\r\n", "$9999999999\r\n", "*99999999999\r\n", ":x\r\n", ",x\r\n", "$1\r\nabc", "+a\rb",
            String(repeating: "*1\r\n", count: 17),
        ]
    )
    func refusals(text: String) {
        #expect(throws: WireError.self) { try decodeReplies(Array(text.utf8)) }
    }

    @Test("a line that never ends is refused")
    func endless() {
        #expect(throws: WireError.self) { try decodeReplies([UInt8](repeating: 0x2B, count: 70_000), chunk: 1000) }
    }

    @Test("fields are found in a map and in the array that stands for one")
    func fields() {
        let flat: [RESPValue] = [.bulk(Array("a".utf8)), .integer(1), .simple("b"), .integer(2)]
        #expect(RESPValue.map(flat)[field: "b"] == .integer(2))
        #expect(RESPValue.array(flat)[field: "a"] == .integer(1))
        #expect(RESPValue.array(flat)[field: "c"] == nil)
    }

    @Test("what is not an event is not taken for one")
    func noEvent() {
        #expect(Event(.null) == nil)
        #expect(Event(.array([])) == nil)
        #expect(Event(.map([.simple("event_id"), .integer(1)])) == nil)
    }
}
