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
            byte; only a line break between their tokens becomes a space, for a line is an event. \
            --times string lets times pass through programs that round numbers.
            """
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions
    @OptionGroup(title: "Filter") var filter: FilterOptions

    func run(in invocation: Invocation) async throws {
        let asked = try filter.filter(global, invocation)
        let client = try await global.connect(invocation, try filter.store)
        let pages = EventPages(client: client)
        let listed = try await pages.upToNow(asked).filter

        // Progress and listing on one terminal would overwrite each other.
        let showsProgress = global.showsProgress(invocation) && !invocation.terminal.isOutput
        var meter = ProgressMeter(
            .events,
            total: showsProgress ? try await client.count(listed) : nil,
            isShown: showsProgress
        )
        var printed: UInt64 = 0
        let printer = EventPrinter(form: .json, times: global.times, zone: .utc, terminal: invocation.terminal)
        try await global.list(in: invocation, isPaged: true) { output in
            try await pages.forEachPage(listed) { page in
                for event in page { try output.write { printer.append(event, to: &$0) } }
                printed += UInt64(page.count)
                meter.update(printed)
            }
        }
        meter.clear()
        try await global.noteSkipped(listed, client, invocation)
        if !global.quiet, !invocation.terminal.isOutput { invocation.note(meter.summary("exported", printed)) }
        await client.close()
    }
}
