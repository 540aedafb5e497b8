// Owns: the pager between a long listing and a terminal.

import Glibc

/// Standard output leads into a pager from `init` on, until `finish` has waited for its user to leave it.
struct Pager {
    private let process: UnsafeMutablePointer<FILE>

    /// Nil where there is no pager to be had, or none wanted (`PAGER` empty or `cat`).
    init?(_ invocation: Invocation) {
        let command = invocation.environment("PAGER") ?? "less -FRX"
        guard invocation.terminal.isOutput, !command.isEmpty, command != "cat", let process = popen(command, "w") else {
            return nil
        }
        dup2(fileno(process), STDOUT_FILENO)
        self.process = process
        // SIGINT reaches the pager too; it must not be left behind with the terminal in its hands.
        let stream = Stream(process: process)
        invocation.interruption.beforeEnd { stream.close() }
    }

    func finish() {
        Stream(process: process).close()
    }

    /// `@unchecked Sendable` because the one call on it ends the stream's life, on whichever thread ends the process.
    private struct Stream: @unchecked Sendable {
        let process: UnsafeMutablePointer<FILE>

        func close() {
            Glibc.close(STDOUT_FILENO)
            pclose(process)
        }
    }
}
