// Owns: which of the two reply dialects a connection speaks.

package enum RESPVersion: Int, Hashable, Sendable, CaseIterable {
    case resp2 = 2
    case resp3 = 3
}
