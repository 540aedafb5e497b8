// Owns: the process: parses the command line, runs the command, and turns whatever came of it into an exit status.

import Glibc

@main
enum Main {
    static func main() async {
        // Dispatch asks for a thread above everybody else's priority. Who may not have one needs none, and its complaint of that
        // would stand in the system's log at every run. Whoever wants to read what dispatch says sets the variable.
        setenv("LIBDISPATCH_LOG", "NO", 0)
        exit(await run().rawValue)
    }

    private static func run() async -> ExitStatus {
        do {
            try await Invocation().run()
            return .ok
        } catch {
            let outcome = Outcome(of: error)
            if let message = outcome.message {
                let isAnswer = outcome.status == .ok
                Descriptor(isAnswer ? STDOUT_FILENO : STDERR_FILENO).writeIgnoringErrors(message + "\n")
            }
            return outcome.status
        }
    }
}
