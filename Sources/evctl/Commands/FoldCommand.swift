// Owns: `evctl fold`: a reducer over any events.

import ArgumentParser
import EventModel
import EventStoreClient

struct FoldCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "fold",
        abstract: "Fold the events that match with a reducer and print the state."
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions

    @Option(help: ArgumentHelp("A reducer that the daemon has.", valueName: "name"))
    var reducer: String?

    @Option(help: ArgumentHelp("A reducer in a Lua file, sent along; - reads standard input.", valueName: "file"))
    var lua: String?

    @OptionGroup(title: "Filter") var filter: FilterOptions

    func validate() throws {
        if (reducer == nil) == (lua == nil) { throw ValidationError("Give either --reducer or --lua.") }
    }

    func run(in invocation: Invocation) async throws {
        let asked = try filter.filter(global, invocation)
        let source = try source()
        let client = try await global.connect(invocation, try filter.store)
        let json = try await client.fold(source, asked)
        await client.close()
        try global.print(json: json, in: invocation)
        try global.noteLacking(in: json, invocation)
    }

    private func source() throws -> FoldSource {
        if let reducer { return .reducer(reducer) }
        let file = lua ?? "-"
        let source = try Descriptor(reading: file).readAll().withoutByteOrderMark
        guard let text = String(validating: source, as: UTF8.self) else {
            throw Failure(.usage, "--lua: \(file) is not UTF-8")
        }
        return .lua(text)
    }
}
