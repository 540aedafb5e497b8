// Owns: how a typed line falls into arguments.
//
// Words are separated by blanks. A word that begins with a quote, single or double, runs to the next quote of that kind
// and may hold blanks; there are no escapes, so that every argument is a range of the line and JSON needs only
// `'{"a": 1}'`.

enum InlineSplitter {
    static func split(
        _ bytes: UnsafeRawBufferPointer,
        _ line: Range<Int>,
        into ranges: inout [Range<Int>]
    ) throws(WireError) {
        var index = line.lowerBound
        while index < line.upperBound {
            let byte = bytes[index]
            if byte.isBlank {
                index += 1
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                let start = index + 1
                guard let end = bytes[start..<line.upperBound].firstIndex(of: byte),
                    end + 1 == line.upperBound || bytes[end + 1].isBlank
                else { throw .protocolBroken("unbalanced quotes in request") }
                ranges.append(start..<end)
                index = end + 1
            } else {
                let end = bytes[index..<line.upperBound].firstIndex { $0.isBlank } ?? line.upperBound
                ranges.append(index..<end)
                index = end
            }
        }
    }
}

extension UInt8 {
    fileprivate var isBlank: Bool {
        self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") || self == UInt8(ascii: "\r")
    }
}
