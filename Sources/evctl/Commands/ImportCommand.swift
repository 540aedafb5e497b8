// Owns: `evctl import`: lines of JSON into the store.

import ArgumentParser
import EventModel
import EventStoreClient

struct ImportCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Append events from NDJSON, one a line, with the event's field names.",
        discussion: """
            category, event_type and aggregate_id are required; data, timestamp (seconds or RFC 3339), version, id, \
            tags and metadata may follow; event_id and recorded_at are ignored, so that what export prints can be \
            imported. Data is appended byte for byte as it stands in the line.

            The first bad line ends the import, after everything before it has been appended. With --keep-going it is \
            named, counted and skipped, and is no error.

            An import that ended early says how many lines are done, for --skip-lines. With --resume-file the same \
            command simply continues: the file is brought up to date each second, when the import ends and when it is \
            interrupted. After a power cut or a broken connection some lines may be appended twice, unless each line \
            carries an id (a UUID), of which the store keeps one event.
            """
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions

    @Argument(help: "The file; - is standard input.")
    var file = "-"

    @Flag(help: "Skip bad lines instead of ending at the first.")
    var keepGoing = false

    @Option(help: ArgumentHelp("Begin after so many lines.", valueName: "n"))
    var skipLines: UInt64?

    @Option(help: ArgumentHelp("Remember in this file how many lines are done, and continue there.", valueName: "file"))
    var resumeFile: String?

    func validate() throws {
        if skipLines != nil, resumeFile != nil {
            throw ValidationError("--resume-file says itself how many lines to skip: give no --skip-lines.")
        }
    }

    func run(in invocation: Invocation) async throws {
        let descriptor = try Descriptor(reading: file)
        let resume = resumeFile.map(ResumeFile.init)
        let client = try await global.connect(invocation)
        invocation.interruption.deferToCommand()
        var run = ImportRun(
            reading: descriptor,
            keepsGoing: keepGoing,
            skippedLines: try resume?.lines() ?? skipLines ?? 0,
            resumeFile: resume,
            meter: ProgressMeter(
                .bytes,
                total: descriptor.fileSize,
                isShown: global.showsProgress(invocation)
            ),
            interruption: invocation.interruption,
            note: invocation.note,
            append: { events throws(ClientError) in try await client.appendPipelined(events) }
        )
        do {
            try await run.run()
        } catch {
            throw Self.failure(error, doneLines: run.doneLines, hasResumeFile: resume != nil)
        }
        await client.close()
        if !global.quiet { invocation.note(run.summary()) }
    }

    /// The error with what its reader needs in order to go on.
    static func failure(_ error: any Error, doneLines: UInt64, hasResumeFile: Bool) -> Failure {
        let advice = hasResumeFile ? "run it again to continue" : "--skip-lines \(doneLines) continues"
        let done = "\(doneLines) lines are done; \(advice)"
        switch error {
        case let error as Failure:
            return Failure(error.status, "\(error.message); \(done)")
        case ClientError.disconnected, ClientError.outcomeUnknown:
            return Failure(.outcomeUnknown, "\(error); \(done); of the lines behind, some may have been appended")
        case let error as ClientError:
            return Failure(ExitStatus(of: error), "\(error); \(done)")
        default:
            return Failure(.error, "\(error); \(done)")
        }
    }
}
