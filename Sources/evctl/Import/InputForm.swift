// Owns: telling that an input is not NDJSON but something else that people have: by its name, or by how a line begins.
// Refuses to know: what is wrong with a line that was meant as JSON.

enum InputForm: String {
    case csv = "CSV"
    case tsv = "TSV"
    case array = "one JSON array"
    case utf16 = "UTF-16"
    case gzip = "compressed with gzip"
    case zstd = "compressed with zstd"

    /// What the name of a file says; nil where it may be NDJSON.
    init?(path: String) {
        let name = path.lowercased()
        let forms: [String: InputForm] = [".csv": .csv, ".tsv": .tsv, ".gz": .gzip, ".zst": .zstd]
        guard let form = forms.first(where: { name.hasSuffix($0.key) })?.value else { return nil }
        self = form
    }

    /// What a line that is no event looks like; nil where it may have been meant as one.
    init?(line: [UInt8]) {
        // Its beginning says enough.
        let line = line.prefix(4096)
        let starts: [(bytes: [UInt8], form: InputForm)] = [
            ([0xFF, 0xFE], .utf16), ([0xFE, 0xFF], .utf16), ([0x1F, 0x8B], .gzip), ([0x28, 0xB5, 0x2F, 0xFD], .zstd),
        ]
        if let form = starts.first(where: { line.starts(with: $0.bytes) })?.form {
            self = form
            return
        }
        switch line.first(where: { $0 != 0x20 && $0 != 0x09 }) {
        case UInt8(ascii: "{"), nil: return nil
        case UInt8(ascii: "["): self = .array
        default:
            // A line of a table; with a quote before a colon it is the middle of some JSON.
            let pairs = zip(line, line.dropFirst())
            guard !pairs.contains(where: { $0 == UInt8(ascii: "\"") && $1 == UInt8(ascii: ":") })
            else { return nil }
            guard
                let form = [(UInt8(ascii: "\t"), Self.tsv), (UInt8(ascii: ","), .csv), (UInt8(ascii: ";"), .csv)]
                    .first(where: { line.contains($0.0) })?.1
            else { return nil }
            self = form
        }
    }

    /// What it is, and what was expected.
    var description: String {
        let remedy =
            switch self {
            case .gzip: "; decompress it first, as in “zcat FILE | evctl import”"
            case .zstd: "; decompress it first, as in “zstdcat FILE | evctl import”"
            case .utf16: " in UTF-8"
            case .csv, .tsv, .array: ""
            }
        return "\(rawValue); expected NDJSON, one JSON object a line\(remedy)"
    }
}
