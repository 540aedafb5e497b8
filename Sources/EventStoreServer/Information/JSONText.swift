// Owns: the few JSON texts that the server itself writes.

import EventStore
import EventWire
package import SegmentLog

/// A JSON value as its text.
package struct JSONText: Sendable {
    package let bytes: [UInt8]

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    static let null = JSONText(bytes: Array("null".utf8))
    static let `true` = JSONText(bytes: Array("true".utf8))
    static let `false` = JSONText(bytes: Array("false".utf8))

    static func number(_ value: UInt64) -> JSONText {
        JSONText(bytes: Array(String(value).utf8))
    }

    static func string(_ text: String) -> JSONText {
        var bytes = [UInt8(ascii: "\"")]
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0..<0x20:
                let digits = Array("0123456789abcdef".utf8)
                bytes += Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
        return JSONText(bytes: bytes)
    }

    static func array(_ values: [JSONText]) -> JSONText {
        JSONText(
            bytes: [UInt8(ascii: "[")] + values.map(\.bytes).joined(separator: [UInt8(ascii: ",")]) + [
                UInt8(ascii: "]")
            ]
        )
    }

    /// Members in the order given.
    static func object(_ members: [(String, JSONText)]) -> JSONText {
        let texts = members.map { string($0.0).bytes + [UInt8(ascii: ":")] + $0.1.bytes }
        return JSONText(bytes: [UInt8(ascii: "{")] + texts.joined(separator: [UInt8(ascii: ",")]) + [UInt8(ascii: "}")])
    }

    /// The answer of EV.VERIFY.
    package static func verification(_ report: VerificationReport) -> JSONText {
        .object([
            ("events", .number(report.records)), ("segments", .number(UInt64(report.segments))),
            ("bytes", .number(report.bytes)),
            ("damaged", ranges(report.damage)),
            ("problems", .array(report.problems.map(JSONText.string))),
            ("snapshots", .number(UInt64(report.snapshots))),
            ("torn_bytes", .number(UInt64(report.tornBytes))),
            (
                "files",
                .array(
                    report.findings.map { finding in
                        .object([
                            ("file", .string(finding.file)), ("damaged", ranges(finding.damage)),
                            ("problems", .array(finding.problems.map(JSONText.string))),
                        ])
                    }
                )
            ),
        ])
    }

    private static func ranges(_ ranges: [ClosedRange<RecordID>]) -> JSONText {
        .array(
            ranges.map { ids in
                .object([
                    ("first", .number(ids.lowerBound.rawValue)), ("last", .number(ids.upperBound.rawValue)),
                ])
            }
        )
    }
}

extension ReplyEncoder {
    mutating func bulk(_ json: JSONText) {
        bulk(json.bytes)
    }
}
