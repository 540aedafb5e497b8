// What CSimdjson promises: exactly JSON, without a limit on numbers.

import CSimdjson
import Testing

@Suite("JSON")
struct JSONTests {
    @Test(
        "What is not JSON is refused",
        arguments: [
            "", " ", "NaN", "Infinity", "-Infinity", "[NaN]", "01", "-01", "1.", ".5", "+1", "-", "1e", "1e+", "0x10",
            "[1,]", "[,1]", "[1 2]", #"{"a":1,}"#, #"{"a"}"#, #"{"a" 1}"#, "{a:1}", "{1:2}", "{'a':1}", "[}", "[", "]",
            #"{"a":1"#, "// x\n1", "1 /* x */", "1 1", "{} x", "nul", "truex", "True", #""abc"#, #""\x""#, #""\u12""#,
            #""\ud800""#, #""\udc00""#, #""\ud800\u0041""#, #""\udc00\ud800""#, "\"\t\"", "\"\n\"", "\u{FEFF}{}", "\\1",
            "1e999x", "1e999e", "1e999 1", #"1e999"a""#, "[1e999,01]", "[99999999999999999999,]", "\\\"1e999\"",
            "\u{0B}1", "\u{A0}1",
        ]
    )
    func refusesWhatIsNotJSON(text: String) {
        #expect(parse(text).status != CSJ_OK)
    }

    @Test(
        "Bytes that are not UTF-8 are refused",
        arguments: [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82]] as [[UInt8]]
    )
    func refusesWhatIsNotUTF8(bytes: [UInt8]) {
        #expect(parse([0x22] + bytes + [0x22]).status == CSJ_UTF8)
    }

    @Test("A zero byte is refused, in and after a value", arguments: ["\"a\0\"", "1\0", "{}\0", "[1e999\0]"])
    func refusesZeroBytes(text: String) {
        #expect(parse(text).status != CSJ_OK)
    }

    @Test(
        "What is JSON is accepted",
        arguments: [
            "{}", "[]", "0", "-0", "-0.0", "1e5", "1E-5", "1.5e+3", #""""#, #""\ud83d\ude00""#, "\"\u{7F}é😀\"", "true",
            " [ null , false ] ", #"{"a":1,"a":2}"#, #"{"":{}}"#, "1e-999", "0e99999999999", #""\u0000""#, "\r\n\t 1",
        ]
    )
    func acceptsJSON(text: String) {
        #expect(parse(text).status == CSJ_OK)
    }

    @Test(
        "Numbers beyond 64 bits are kept as doubles",
        arguments: [
            ("9223372036854775807", "l"), ("-9223372036854775808", "l"), ("18446744073709551615", "u"),
            ("18446744073709551616", "d"), ("-9223372036854775809", "d"), ("123456789012345678901234567890", "d"),
            ("1e999", "d"), ("-1e999", "d"), ("1e308", "d"), ("2.5", "d"),
        ] as [(String, Character)]
    )
    func keepsWideNumbers(text: String, tag: Character) {
        let (status, tape) = parse(text)
        #expect(status == CSJ_OK)
        #expect(Character(UnicodeScalar(UInt8(tape[1] >> 56))) == tag)
        if tag == "d" { #expect(Double(bitPattern: tape[2]) == Double(text)) }
    }

    @Test("A wide number is put back where it stood, among other numbers and strings that look like numbers")
    func putsWideNumbersBack() {
        let (status, tape) = parse(#"{"1e999":"-1e999 \" 7","a":[1,2.5,1e999,3,"\\"],"b":99999999999999999999,"c":4}"#)
        #expect(status == CSJ_OK)
        var doubles: [Double] = []
        var integers: [UInt64] = []
        var at = 1
        while at < tape.count {
            switch UInt8(tape[at] >> 56) {
            case UInt8(ascii: "d"):
                doubles.append(Double(bitPattern: tape[at + 1]))
                at += 2
            case UInt8(ascii: "l"):
                integers.append(tape[at + 1])
                at += 2
            default: at += 1
            }
        }
        #expect(doubles == [2.5, .infinity, 1e20])
        #expect(integers == [1, 3, 4])
    }

    @Test("1,024 levels are accepted and more are refused", arguments: ["1", "1e999"])
    func limitsDepth(inner: String) {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + inner + String(repeating: "]", count: depth)
        }
        #expect(parse(nested(1024)).status == CSJ_OK)
        #expect(parse(nested(1025)).status == CSJ_DEPTH)
        #expect(parse(nested(100_000)).status == CSJ_DEPTH)
    }

    @Test("A parser reads small after large and good after bad")
    func parserIsReusable() {
        let parser = csj_parser_new()!
        defer { csj_parser_free(parser) }
        for text in ["{}", "[" + String(repeating: "1,", count: 100_000) + "1]", "{", #"{"a":1}"#] {
            let status = Array(text.utf8).withUnsafeBufferPointer { csj_parse(parser, $0.baseAddress!, $0.count) }
            #expect((status == CSJ_OK) == (text != "{"))
        }
        #expect(csj_root_is_object(parser))
    }

    @Test("Every status has a text of its own")
    func messages() {
        let statuses = [CSJ_OK, CSJ_EMPTY, CSJ_SYNTAX, CSJ_NUMBER, CSJ_STRING, CSJ_UTF8, CSJ_DEPTH, CSJ_MEMORY]
        #expect(Set(statuses.map { String(cString: csj_message($0)) }).count == statuses.count)
    }
}

private func parse(_ text: String) -> (status: csj_status, tape: [UInt64]) {
    parse(Array(text.utf8))
}

/// Parses exactly these bytes, from an allocation that ends where they end.
private func parse(_ bytes: [UInt8]) -> (status: csj_status, tape: [UInt64]) {
    let parser = csj_parser_new()!
    defer { csj_parser_free(parser) }
    let status = bytes.withUnsafeBufferPointer { csj_parse(parser, $0.baseAddress, $0.count) }
    guard status == CSJ_OK, let tape = csj_tape(parser) else { return (status, []) }
    return (status, Array(UnsafeBufferPointer(start: tape, count: Int(tape[0] & 0xFFFF_FFFF))))
}
