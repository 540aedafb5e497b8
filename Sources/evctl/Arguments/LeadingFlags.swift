// Owns: letting the flags that every command takes stand before the command too, as in `evctl -s PATH status`. The parser
// knows them behind it only, so there they are moved.

enum LeadingFlags {
    private static let withValue: Set = ["-s", "--socket", "-o", "--output", "--times"]
    private static let alone: Set = ["-q", "--quiet", "--no-pager", "--utc"]

    static func movedBehind(_ arguments: [String]) -> [String] {
        var rest = arguments[...]
        var flags: [String] = []
        while let flag = rest.first {
            let name = String(flag.prefix { $0 != "=" })
            guard withValue.contains(name) || alone.contains(name) else { break }
            flags.append(rest.removeFirst())
            if withValue.contains(flag), let value = rest.popFirst() { flags.append(value) }
        }
        // What follows `--` are values, whatever they look like.
        let end = rest.firstIndex(of: "--") ?? rest.endIndex
        return rest[..<end] + flags + rest[end...]
    }
}
