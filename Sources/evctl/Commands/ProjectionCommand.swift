// Owns: `evctl projection`: the reducers that the daemon keeps live.

import ArgumentParser
import EventModel
import EventStoreClient

struct ProjectionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "projection",
        abstract: "List, show or rebuild the projections.",
        subcommands: [ProjectionListCommand.self, ProjectionShowCommand.self, ProjectionRebuildCommand.self]
    )
}

struct ProjectionListCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Print each projection with its position, its lag and its health."
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions

    func run(in invocation: Invocation) async throws {
        let client = try await global.connect(invocation)
        let projections = try await client.projections()
        await client.close()
        if global.isJSON {
            for projection in projections { try global.print(json: json(projection), in: invocation) }
        } else {
            let rows = projections.map {
                [$0.name, "\($0.eventID)", "\($0.lag)", "\($0.eventsProcessed)", Self.health($0)]
            }
            try Table(["NAME", "EVENT_ID", "LAG", "PROCESSED", "HEALTH"], rows).print(invocation.terminal)
        }
        if projections.contains(where: { $0.health.hasPrefix("faulted") }) { throw Failure(.error, "") }
    }

    static func health(_ projection: ProjectionStatus) -> String {
        let pace = projection.rate.map { rate in
            let left = projection.secondsLeft.map { ", \(Quantity.clock(Double($0))) to go" }
            return " (\(Quantity.grouped(rate)) events/s\(left ?? ", comes no nearer"))"
        }
        let health = projection.health + (pace ?? "")
        let lacking = projection.lacking.map { "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ",")
        return lacking.isEmpty ? health : "\(health), lacks \(lacking)"
    }

    func json(_ projection: ProjectionStatus) -> [UInt8] {
        var json: [UInt8] = []
        json.append(#"{"name":"#)
        json.append(jsonString: projection.name)
        json.append(#","event_id":"#)
        json.append(decimal: projection.eventID.rawValue)
        json.append(#","lag":"#)
        json.append(decimal: projection.lag)
        json.append(#","health":"#)
        json.append(jsonString: projection.health)
        json.append(#","events_processed":"#)
        json.append(decimal: projection.eventsProcessed)
        if let rate = projection.rate {
            json.append(#","rate":"#)
            json.append(decimal: rate)
        }
        if let seconds = projection.secondsLeft {
            json.append(#","seconds_left":"#)
            json.append(decimal: seconds)
        }
        for (index, ids) in projection.lacking.enumerated() {
            json.append(index == 0 ? #","lacking":["# : ",")
            json.append("[")
            json.append(decimal: ids.lowerBound.rawValue)
            json.append(",")
            json.append(decimal: ids.upperBound.rawValue)
            json.append("]")
        }
        if !projection.lacking.isEmpty { json.append("]") }
        json.append("}")
        return json
    }
}

struct ProjectionShowCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Print a projection's state, now or at a moment of the past."
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions
    @OptionGroup var moment: MomentOptions

    @Argument(help: "The projection's name.")
    var name: String

    func run(in invocation: Invocation) async throws {
        let (at, asOf) = try moment.values(global, invocation)
        let client = try await global.connect(invocation, moment.store)
        let json = try await client.projection(name, at: at, asOf: asOf)
        await client.close()
        try global.print(json: json, in: invocation)
        try global.noteLacking(in: json, invocation)
    }
}

struct ProjectionRebuildCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "rebuild",
        abstract: "Fold a projection anew from the log."
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions

    @Argument(help: "The projection's name.")
    var name: String

    func run(in invocation: Invocation) async throws {
        let client = try await global.connect(invocation)
        try await client.rebuildProjection(name)
        await client.close()
        if global.isJSON {
            var json: [UInt8] = []
            json.append(#"{"rebuilt":"#)
            json.append(jsonString: name)
            json.append("}")
            try global.print(json: json, in: invocation)
        } else if !global.quiet {
            try StandardOutput().print(line: "rebuilding \(name)")
        }
    }
}
