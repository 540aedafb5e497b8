// Owns: the list of what is fuzzed. A target takes any bytes and returns, or traps where a promise is broken; the
// fuzzer looks for bytes that make it trap, and the ordinary tests replay the bytes it has kept.

/// A decoder with the promises it must keep whatever it is given.
package enum FuzzTarget: String, CaseIterable, Sendable {
    /// RESP requests, and the commands in them.
    case requests
    /// RESP replies, as the client reads them.
    case replies
    /// The frames of a raw segment: records, and the tail rule.
    case raw
    /// A sealed segment: header, blocks of records and of every section, and footer.
    case sealed
    /// A log with one such segment, raw or sealed, the trailer of a raw one and the manifest: what reading, recovery and a
    /// restart make of it.
    case logs
    /// A snapshot of a projection.
    case snapshot
    /// A line of an import.
    case lines
    /// A reducer: the bytes choose what the program does.
    case lua

    package func run(_ bytes: [UInt8]) {
        switch self {
        case .requests: RequestTarget.run(bytes)
        case .replies: ReplyTarget.run(bytes)
        case .raw: RawTarget.run(bytes)
        case .sealed: SealedTarget.run(bytes)
        case .logs: LogTarget.run(bytes)
        case .snapshot: SnapshotTarget.run(bytes)
        case .lines: LineTarget.run(bytes)
        case .lua: LuaTarget.run(bytes)
        }
    }
}
