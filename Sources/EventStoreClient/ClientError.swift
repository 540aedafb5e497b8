// Owns: the ways a request can fail, told apart by what the caller may conclude about the store.

public import EventModel

/// Why a request did not succeed.
public enum ClientError: Error, Hashable, Sendable, CustomStringConvertible {
    /// There is no connection, and nothing was asked.
    case cannotConnect(path: String, reason: String)
    /// The daemon answered with an error.
    case store(StoreError)
    /// The connection ended and the request changed nothing: it was never written, or it only asks.
    case disconnected(reason: String)
    /// The connection ended with this append in flight: the store may have it or not. An event with an `identifier` can be
    /// appended again without harm.
    case outcomeUnknown(reason: String)
    /// What came back is not an answer to what was asked.
    case protocolViolation(String)

    /// One sentence for a person.
    public var description: String {
        switch self {
        case .cannotConnect(let path, let reason): "cannot connect to \(path): \(reason)"
        case .store(let error): error.description
        case .disconnected(let reason): "disconnected: \(reason)"
        case .outcomeUnknown(let reason): "outcome unknown: \(reason)"
        case .protocolViolation(let message): "protocol violation: \(message)"
        }
    }
}
