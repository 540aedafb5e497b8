// Owns: the one error after which a connection cannot go on.

package import EventModel

package enum WireError: Error, Hashable, Sendable {
    /// The bytes are not RESP, so that nobody can tell where the next command would begin.
    case protocolBroken(String)

    /// What to answer before closing.
    package var reply: StoreError {
        switch self {
        case .protocolBroken(let message): StoreError(.other, "Protocol error: \(message)")
        }
    }
}
