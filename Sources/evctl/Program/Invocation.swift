// Owns: what a command may know of the process that runs it: its raw arguments, its environment, the moment it began,
// and what its streams are connected to.

import EventModel
import Glibc

struct Invocation: Sendable {
    /// Without the name of the program.
    var arguments: [String]
    var environment: @Sendable (String) -> String?
    /// One moment for the whole run: `--since -1h --until now` means one hour.
    var now: Timestamp
    var terminal: Terminal
    var interruption: Interruption

    /// This process.
    init() {
        arguments = Array(CommandLine.arguments.dropFirst())
        environment = { name in getenv(name).map { String(cString: $0) } }
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
        Descriptor.standardError.writeIgnoringErrors("evctl: \(text)\n")
    }
}

extension Timestamp {
    fileprivate static var systemClock: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }
}
