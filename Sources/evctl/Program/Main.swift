// Owns: the process: parses the command line, runs the command, and turns whatever came of it into an exit status.

import Glibc

@main
enum Main {
    static func main() async {
        exit(await run(Invocation()).rawValue)
    }

    private static func run(_ invocation: Invocation) async -> ExitStatus {
        do {
            try await invocation.run()
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
