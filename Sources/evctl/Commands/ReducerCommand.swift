// Owns: `evctl reducer` and `evctl reload`: which reducers the daemon has, and having it read them anew.

import ArgumentParser
import EventModel
import EventStoreClient

struct ReducerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reducer",
        abstract: "List the reducers.",
        subcommands: [ReducerListCommand.self]
    )
}

struct ReducerListCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Print each file of the reducers' folder, whether it is a reducer, and whether a projection uses it.",
        discussion: "As the daemon found them at its start or at the last reload."
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions

    func run(in invocation: Invocation) async throws {
        let client = try await global.connect(invocation)
        let reducers = try await client.reducers()
        await client.close()
        if global.isJSON {
            for reducer in reducers { try global.print(json: json(reducer), in: invocation) }
        } else {
            let rows = reducers.map {
                [$0.name, $0.isProjection ? "yes" : "no", $0.file, $0.fault.map { "error: \($0)" } ?? "ok"]
            }
            try Table(["NAME", "PROJECTION", "FILE", "STATE"], rows).print(invocation.terminal)
        }
    }

    func json(_ reducer: ReducerStatus) -> [UInt8] {
        var json: [UInt8] = []
        json.append(#"{"name":"#)
        json.append(jsonString: reducer.name)
        json.append(#","file":"#)
        json.append(jsonString: reducer.file)
        json.append(reducer.fault == nil ? #","state":"ok""# : #","state":"error""#)
        json.append(reducer.isProjection ? #","projection":true"# : #","projection":false"#)
        if let fault = reducer.fault {
            json.append(#","reason":"#)
            json.append(jsonString: fault)
        }
        json.append("}")
        return json
    }
}

struct ReloadCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Have the daemon read its configuration and its reducers anew, and say what came of it.",
        discussion: """
            Who may do what, reducers and the list of projections are taken up; settings that are given otherwise than at the start, and \
            that only a restart takes up, are named. Exit 1: nothing was reloaded, or a reducer's file was passed over; \
            the reason is on standard error.
            """
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions

    func run(in invocation: Invocation) async throws {
        let client = try await global.connect(invocation)
        let json = try await client.reload()
        await client.close()
        let report = try Report(json)
        try global.print(report: json, in: invocation) { report in
            let waiting = try report.texts("needs_restart")
            return [
                "reloaded; reducers: \(try Self.list(report, "reducers")); "
                    + "projections: \(try Self.list(report, "projections"))"
            ] + (waiting.isEmpty ? [] : ["a restart is needed for: \(waiting.joined(separator: ", "))"])
        }
        let passedOver = try report.reports("passed_over").map { file in
            "\(try file.text("file")): \(try file.text("reason"))"
        }
        guard passedOver.isEmpty else {
            throw Failure(.error, "passed over", details: passedOver)
        }
    }

    private static func list(_ report: Report, _ member: String) throws -> String {
        let names = try report.texts(member)
        return names.isEmpty ? "none" : names.joined(separator: ", ")
    }
}
