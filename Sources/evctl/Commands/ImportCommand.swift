// Owns: `evctl import`: lines of JSON into the store.

import ArgumentParser
import EventModel
import EventStoreClient

struct ImportCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Append events from NDJSON, one a line, with the event's field names.",
        discussion: """
            category, event_type and aggregate_id are required; data, timestamp (seconds, as a number or a \
            string, or RFC 3339), version, id, tags and metadata may follow; event_id and recorded_at are ignored, so \
            that what export prints can be imported. Data is appended byte for byte as it stands in the line. A line \
            may be as long as the daemon's limits allow.

            A line with an id is in the store once, however often it is imported; one without is appended each time, \
            unless --resume-file is given.

            The first bad line ends the import: everything before it has been appended then, and nothing behind it. \
            With --keep-going it is named, counted and skipped, and is no error.

            An import that ended early says how many lines are done, for --skip-lines. With --resume-file the same \
            command simply continues, after a kill, a power cut or a lost connection too, and each line is in the \
            store once: a line without an id gets one, made from a number in the file and the line's own, by which the \
            store knows it again. Keep the file until the import is through, and use another for another input.
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
        let descriptor = try Descriptor(readingNDJSON: file)
        let client = try await global.connect(invocation)
        let report = StatusReport(info: try await client.info())
        invocation.interruption.deferToCommand()
        var run = ImportRun(
            reading: LineReader(descriptor, maximumLineBytes: InputLine.maximumBytes(report)),
            plan: try plan(report),
            meter: ProgressMeter(
                .bytes,
                total: descriptor.fileSize,
                isShown: global.showsProgress(invocation)
            ),
            interruption: invocation.interruption,
            note: invocation.note,
            append: { events throws(ClientError) in try await client.appendOnce(events) }
        )
        do {
            try await run.run()
        } catch {
            throw Self.failure(error, doneLines: run.doneLines, hasResumeFile: resumeFile != nil)
        }
        await client.close()
        if !global.quiet { invocation.note(run.summary()) }
    }

    private func plan(_ report: StatusReport) throws -> ImportRun.Plan {
        var plan = ImportRun.Plan(keepsGoing: keepGoing, skippedLines: skipLines ?? 0)
        guard let file = resumeFile.map(ResumeFile.init) else { return plan }
        let store = report.value("store_uuid") ?? ""
        let record = try file.record() ?? ResumeRecord(store: store, identity: .random())
        guard record.store == store else {
            throw Failure(
                .usage,
                "\(file.path) is of an import into the store \(record.store); the daemon serves the store \(store)"
            )
        }
        plan.resume = (file, record)
        return plan
    }

    /// The error with what its reader needs in order to go on.
    static func failure(_ error: any Error, doneLines: UInt64, hasResumeFile: Bool) -> Failure {
        // What is wrong with the request, or its files, is so the next time too.
        if let failure = error as? Failure, failure.status == .usage { return failure }
        let advice = hasResumeFile ? "run it again to continue" : "--skip-lines \(doneLines) continues"
        let done = "\(doneLines) line\(doneLines == 1 ? " is" : "s are") done; \(advice)"
        guard let ending = error as? ImportEnding else {
            let failure = error as? Failure
            return Failure(failure?.status ?? .error, "\(failure?.message ?? "\(error)"); \(done)")
        }
        if case .outcomeUnknown = ending.error {
            return Failure(.outcomeUnknown, "\(ending.error); \(ending.place): appended, or not at all; \(done)")
        }
        return Failure(ExitStatus(of: ending.error), "\(ending); \(done)")
    }
}
