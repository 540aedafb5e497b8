// Owns: `evctl export`: the log as lines of JSON that `import` takes back.

import ArgumentParser
import EventModel
import EventStoreClient

struct ExportCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Print events as NDJSON that import takes back.",
        discussion: """
            Everything that matches and is in the store when the export begins. Data and metadata are printed byte for \
            byte; only a line break between their tokens becomes a space, for a line is an event.
            """
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions
    @OptionGroup(title: "Filter") var filter: FilterOptions

    func run(in invocation: Invocation) async throws {
        var listed = try filter.filter(global, invocation)
        let client = try await global.connect(invocation)
        let pager = global.noPager ? nil : Pager(invocation)
        defer { pager?.finish() }
        let pages = EventPages(client: client)
        let end = EventID(try await pages.tail().rawValue + 1)
        listed.before = min(listed.before ?? end, end)

        // Progress and listing on one terminal would overwrite each other.
        let showsProgress = global.showsProgress(invocation) && !invocation.terminal.isOutput
        var meter = ProgressMeter(
            .events,
            total: showsProgress ? try await client.count(listed) : nil,
            isShown: showsProgress
        )
        let output = StandardOutput()
        var printed: UInt64 = 0
        // What has come is worth having, whatever comes next.
        defer { try? output.flush() }
        try await pages.forEachPage(listed) { page in
            for event in page {
                try output.write {
                    EventJSON.append(event, to: &$0)
                    $0.append(UInt8(ascii: "\n"))
                }
            }
            printed += UInt64(page.count)
            meter.update(printed)
        }
        try output.flush()
        meter.clear()
        try await global.noteSkipped(listed, client, invocation)
        if !global.quiet, !invocation.terminal.isOutput { invocation.note(meter.summary("exported", printed)) }
        await client.close()
    }
}
