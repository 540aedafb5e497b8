// Owns: the pager between a long listing and a terminal, and the promise that nothing is lost in it: what a pager that
// cannot be started has not shown is printed without it.

import Glibc
import Synchronization

/// A pager that runs from `init` on until `finish` has waited for its user to leave it.
final class Pager: Sendable {
    private struct Process {
        let identifier: pid_t
        /// What the pager reads the other end of.
        let input: Descriptor
        /// Everything so far, as long as it may all be lying in the pipe.
        var held: [UInt8] = []
        /// Whether somebody must have read.
        var isRead = false
    }

    /// What a pipe holds at most while nobody reads it, by pipe(7).
    private static let pipeBytes = 1 << 16

    private enum State {
        case running(Process)
        /// It could not do its work, which is done without it.
        case replaced
        case ended
    }

    private let command: String
    private let output: Descriptor
    private let note: @Sendable (String) -> Void
    private let state: Mutex<State>

    /// Nil where there is no pager to be had, or none wanted (`PAGER` empty or `cat`).
    convenience init?(_ invocation: Invocation) {
        let command = invocation.environment("PAGER") ?? "less -FRX"
        guard invocation.terminal.isOutput, !command.isEmpty, command != "cat" else { return nil }
        self.init(command, before: .standardOutput, note: { invocation.note($0) })
        // SIGINT reaches the pager too; it must not be left behind with the terminal in its hands.
        invocation.interruption.beforeEnd { [self] in _ = end() }
    }

    /// Starts a command line of the shell, which writes to standard output. What it does not show goes to `output`.
    init(_ command: String, before output: Descriptor, note: @escaping @Sendable (String) -> Void) {
        self.command = command
        self.output = output
        self.note = note
        if let process = Self.start(command) {
            state = Mutex(.running(process))
        } else {
            note("the pager “\(command)” cannot be started: \(Descriptor.lastReason)")
            state = Mutex(.replaced)
        }
    }

    func write(_ bytes: [UInt8]) throws {
        let input = try state.withLock { state throws(OutputClosed) -> Descriptor? in
            switch state {
            case .running(var process):
                if !process.isRead { process.held += bytes }
                state = .running(process)
                return process.input
            case .replaced: return nil
            case .ended: throw OutputClosed()
            }
        }
        guard let input else { return try output.write(bytes) }
        do {
            try input.write(bytes)
        } catch is OutputClosed {
            return try finish(orThrow: OutputClosed())
        }
        state.withLock { state in
            guard case .running(var process) = state, process.held.count > Self.pipeBytes else { return }
            (process.isRead, process.held) = (true, [])
            state = .running(process)
        }
    }

    /// Tells the pager that this was all, and waits for its end.
    func finish() throws {
        try finish(orThrow: nil)
    }

    /// Waits for its end, and prints what it has kept to itself if it failed; else throws what is given.
    private func finish(orThrow closed: OutputClosed?) throws {
        guard let (status, held) = end(), status != 0 else {
            if let closed { throw closed }
            return
        }
        let reason = "the pager “\(command)” ended with status \(status)"
        guard let held else { throw Failure(.error, "\(reason); --no-pager does without") }
        note("\(reason); what it was to show is printed")
        state.withLock { $0 = .replaced }
        try output.write(held)
    }

    /// Ends the input, and waits. Returns the exit status, as the shell counts it, and everything that was written if the
    /// pager may have read none of it; nil where it had ended before. Whoever comes meanwhile waits as well.
    private func end() -> (status: Int32, held: [UInt8]?)? {
        state.withLock { state in
            guard case .running(let process) = state else { return nil }
            state = .ended
            close(process.input.number)
            var status: Int32 = 0
            while waitpid(process.identifier, &status, 0) < 0, errno == EINTR {}
            let signal = status & 0x7F
            return (signal == 0 ? status >> 8 & 0xFF : 128 + signal, process.isRead ? nil : process.held)
        }
    }

    private static func start(_ command: String) -> Process? {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // evctl ignores it, and a program that it starts would too.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))

        let words: [String] = ["sh", "-c", command]
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
        arguments.append(nil)
        defer { for argument in arguments { free(argument) } }
        var identifier: pid_t = 0
        errno = posix_spawn(&identifier, "/bin/sh", &actions, &attributes, &arguments, environ)
        guard errno == 0 else {
            close(ends[1])
            return nil
        }
        return Process(identifier: identifier, input: Descriptor(ends[1]))
    }
}
