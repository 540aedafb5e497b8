// Owns: the one translation of every error into an exit status and a message for standard error.

import ArgumentParser
import EventModel
import EventStore
import EventStoreClient
import ProcessText
import SegmentLog

/// The exit statuses that the interface promises.
enum ExitStatus: Int32 {
    case ok = 0
    case error = 1
    case usage = 2
    case notFound = 3
    case conflict = 4
    case cannotConnect = 5
    case corruption = 6
    case readOnlyOrFull = 7
    case outcomeUnknown = 8
    case interrupted = 130
}

/// An error that evctl itself found: its status, and a sentence that says what was wrong and what was expected.
struct Failure: Error, Equatable {
    let status: ExitStatus
    let message: String
    /// What the message sums up, a line each.
    let details: [String]

    init(_ status: ExitStatus, _ message: String, details: [String] = []) {
        self.status = status
        self.message = message
        self.details = details
    }
}

/// Whoever read the output has closed it, such as `head` or a pager: nothing is wrong, and nothing is left to do.
struct OutputClosed: Error {}

struct Outcome {
    let status: ExitStatus
    /// What to print, a line or several, with nothing in it that steers a terminal; nil where everything has been said.
    let message: String?

    init(of error: any Error) {
        switch error {
        case let failure as Failure:
            status = failure.status
            message =
                failure.message.isEmpty
                ? nil : Self.sentence(failure.message) + failure.details.map { "\n  \($0.visibleOnOneLine)" }.joined()
        case let error as ClientError:
            status = ExitStatus(of: error)
            message = Self.sentence("\(error)") + Self.hint(error)
        case let error as StoreError:
            status = ExitStatus(of: error.code)
            message = Self.sentence("\(error)")
        case let error as OpenError:
            status = ExitStatus(of: error)
            message = Self.sentence("\(error)")
        case let error as NotUTF8:
            status = .usage
            message = Self.sentence("\(error)")
        case is OutputClosed:
            status = .ok
            message = nil
        default:
            switch Evctl.exitCode(for: error) {
            case .success:
                // Help and version: the parser throws its answers too.
                status = .ok
                message = Evctl.fullMessage(for: error)
            case .validationFailure:
                status = .usage
                // The parser quotes arguments, and lays its usage out over lines.
                message = Evctl.fullMessage(for: error).split(separator: "\n", omittingEmptySubsequences: false)
                    .map(\.visible).joined(separator: "\n")
            default:
                status = .error
                message = Self.sentence("\(error)")
            }
        }
    }

    /// Where to go from there.
    private static func hint(_ error: ClientError) -> String {
        guard case .store(let error) = error, error.code == .noPermission else { return "" }
        return "\n  evctl whoami says who you are for the daemon, and which roles you have."
    }

    private static func sentence(_ text: String) -> String {
        "evctl: \(text.visibleOnOneLine)"
    }
}

extension ExitStatus {
    init(of error: ClientError) {
        self =
            switch error {
            case .store(let error): ExitStatus(of: error.code)
            case .cannotConnect, .disconnected: .cannotConnect
            case .outcomeUnknown: .outcomeUnknown
            case .protocolViolation: .error
            }
    }

    init(of error: OpenError) {
        self =
            switch error {
            case .log(.corrupt), .log(.unreadable): .corruption
            case .log(.missing): .notFound
            case .log(let error) where error.isNoSpace: .readOnlyOrFull
            case .log(.disk), .log(.unknownFormat), .log(.later), .log(.inUse), .log(.noSpace), .log(.ended): .error
            }
    }

    init(of code: StoreError.Code) {
        self =
            switch code {
            case .notFound: .notFound
            case .conflict, .reused, .position: .conflict
            case .corrupt: .corruption
            case .noSpace, .failed: .readOnlyOrFull
            // Nothing was asked of the store: it is not there yet.
            case .loading: .cannotConnect
            case .invalid, .tooBig, .noPermission, .budget, .lagging, .later, .other: .error
            }
    }
}
