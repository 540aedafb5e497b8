// Owns: `evctl append`: one event from the command line.

import ArgumentParser
import EventModel
import EventStoreClient

struct AppendCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "append",
        abstract: "Append one event and print its id, once it is durable."
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions

    @Argument(help: "What kind of thing it is about.")
    var category: String

    @Argument(help: "Which thing.")
    var aggregate: String

    @Argument(help: "What happened.")
    var type: String

    @Argument(help: "A JSON object; - reads it from standard input.")
    var data = "{}"

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("When it happened (default: when it is committed).", valueName: "time")
    )
    var at: String?

    @Option(help: ArgumentHelp("Schema version of the data.", valueName: "n"))
    var eventVersion: UInt32 = 1

    @Option(help: ArgumentHelp("Makes a retry idempotent: the store keeps one event of an id.", valueName: "uuid"))
    var id: String?

    @Option(help: ArgumentHelp("A further name to find it by; repeatable.", valueName: "name"))
    var tag: [String] = []

    @Option(help: ArgumentHelp("A JSON object beside the data.", valueName: "json"))
    var metadata: String?

    @Option(
        help: ArgumentHelp(
            "Refuse (exit 4) if this aggregate has an event after that id; 0: it must be new.",
            valueName: "id"
        )
    )
    var unlessAfter: String?

    func run(in invocation: Invocation) async throws {
        let event = try event(invocation)
        let condition = try unlessAfter.map {
            AppendCondition(
                alternatives: [Criteria(aggregates: [aggregate])],
                after: try EventID(argument: $0, for: "--unless-after")
            )
        }
        let client = try await global.connect(invocation)
        let id = try await client.append(event, unless: condition)
        await client.close()
        if global.isJSON {
            try global.print(json: Array(#"{"event_id":\#(id)}"#.utf8), in: invocation)
        } else {
            try StandardOutput().print(line: invocation.terminal.isOutput ? "event \(id)" : "\(id)")
        }
    }

    func event(_ invocation: Invocation) throws -> NewEvent {
        try requireName(category, for: "CATEGORY")
        try requireName(aggregate, for: "AGGREGATE")
        try requireName(type, for: "TYPE")
        for name in tag { try requireName(name, for: "--tag") }
        guard eventVersion > 0 else { throw Failure(.usage, "--event-version: expected a number from 1") }
        return NewEvent(
            category: category,
            aggregateID: aggregate,
            eventType: type,
            data: data == "-" ? try Self.standardInput() : Array(data.utf8),
            timestamp: try at.map { try global.grammar(invocation).required($0, for: "--at") },
            version: eventVersion,
            uuid: try id.map {
                guard let uuid = EventUUID($0) else { throw Failure(.usage, "--id: “\($0)” is no UUID") }
                return uuid
            },
            tags: tag,
            metadata: metadata.map { Array($0.utf8) }
        )
    }

    /// The line break that ends a text file is not part of the object in it.
    private static func standardInput() throws -> [UInt8] {
        var bytes = try Descriptor.standardInput.readAll()
        while bytes.last == UInt8(ascii: "\n") || bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        return bytes
    }
}
