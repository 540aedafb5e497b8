// Owns: the tree of commands, and what every command has in common.

import ArgumentParser

struct Evctl: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evctl",
        abstract: "Append to an event store, read it, and ask it what was when.",
        discussion: """
            The flags of every command may stand before it, too.
            TIME is \(TimeWord.forms); evctl time says more.
            Text for people steers no terminal: control characters and marks that turn the direction of text are spelt out, \
            as \\x1b. On a terminal JSON has them as escapes; piped, it is byte for byte. A long listing goes through PAGER \
            (less -FRX); what a pager that fails has not shown is printed. A command that only prints ends when nobody is \
            left to read.
            Exit status: 0 ok, 1 error, 2 usage, 3 not found, 4 conflict, 5 cannot connect, 6 corruption found, \
            7 read-only or disk full, 8 outcome unknown, 130 interrupted.
            """,
        version: "evctl 0.2.0",
        groupedSubcommands: [
            CommandGroup(
                name: "Events",
                subcommands: [
                    AppendCommand.self, ImportCommand.self, ExportCommand.self, ReadCommand.self, GetCommand.self,
                    CountCommand.self, SubscribeCommand.self,
                ]
            ),
            CommandGroup(
                name: "State",
                subcommands: [StateCommand.self, FoldCommand.self, ProjectionCommand.self, ReducerCommand.self]
            ),
            CommandGroup(
                name: "The store",
                subcommands: [
                    StatusCommand.self, WhoAmICommand.self, RollCommand.self, SnapshotCommand.self, CompactCommand.self,
                    VerifyCommand.self, RepairCommand.self, ReloadCommand.self,
                ]
            ),
            CommandGroup(
                name: "To try it out",
                subcommands: [TimeCommand.self, DemoCommand.self, GenerateCommand.self, BenchCommand.self]
            ),
        ]
    )

    static var _errorLabel: String { "evctl" }
}

/// A command of evctl. Unlike `ParsableCommand.run`, it is told of the process it runs in, so that a test can tell it
/// something else.
protocol Command: ParsableCommand {
    var global: GlobalOptions { get }

    func run(in invocation: Invocation) async throws
}

extension Invocation {
    /// The command that the arguments mean.
    func command() throws -> any ParsableCommand {
        try Evctl.parseAsRoot(LeadingFlags.movedBehind(arguments))
    }

    func run() async throws {
        var parsed = try command()
        if let command = parsed as? any Command {
            try await command.run(in: self)
        } else {
            // A command of the parser's own, which prints help by way of an error.
            try parsed.run()
        }
    }
}

extension Command {
    static var _errorLabel: String { "evctl" }
}
