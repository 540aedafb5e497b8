// Owns: what a command may know of the process that runs it: its raw arguments, its environment, the moment it began,
// and what its streams are connected to.

import EventModel
import Glibc
import ProcessText

struct Invocation: Sendable {
    /// Without the name of the program.
    var arguments: [String]
    var environment: @Sendable (String) -> String?
    /// One moment for the whole run: `--since -1h --until now` means one hour.
    var now: Timestamp
    var terminal: Terminal
    var interruption: Interruption

    /// Variables that are not evctl's own, and that it obeys.
    private static let foreignVariables: Set = ["PAGER", "NO_COLOR", "TERM"]

    /// This process.
    init() throws(NotUTF8) {
        arguments = try ProcessText.arguments()
        let variables = try ProcessText.environment { $0.hasPrefix("EVCTL_") || Self.foreignVariables.contains($0) }
        environment = { variables[$0] }
        now = Timestamp.systemClock
        terminal = Terminal(environment: environment)
        interruption = Interruption()
        interruption.watchSignals()
    }

    /// Any other, for tests.
    init(arguments: [String], environment: [String: String] = [:], now: Timestamp, terminal: Terminal = .none) {
        self.arguments = arguments
        self.environment = { environment[$0] }
        self.now = now
        self.terminal = terminal
        interruption = Interruption()
    }

    /// A note to whoever watches, beside the command's output.
    func note(_ text: String) {
        Descriptor.standardError.writeIgnoringErrors("evctl: \(text.visibleOnOneLine)\n")
    }
}

extension Timestamp {
    fileprivate static var systemClock: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let (seconds, isBeyond) = Int64(time.tv_sec).multipliedReportingOverflow(by: 1_000_000_000)
        let (moment, carries) = seconds.addingReportingOverflow(Int64(time.tv_nsec))
        return isBeyond || carries ? .distantFuture : Timestamp(nanoseconds: moment)
    }
}
