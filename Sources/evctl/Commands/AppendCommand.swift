// Owns: `evctl append`: one event from the command line, or several from a file in one commit.

import ArgumentParser
import EventModel
import EventStoreClient

struct AppendCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "append",
        abstract: "Append one event, or all events of a file at once, and print their ids once they are durable.",
        usage: """
            evctl append CATEGORY AGGREGATE TYPE [DATA] [options]
            evctl append --batch FILE [options]
            """,
        discussion: """
            With --batch the lines of FILE are appended in one commit: all of them, or, where one is refused, none. A \
            condition decides about all of them together, by what is in the store before them.

              evctl append order o-1 paid --unless-after 41          nobody else has touched order o-1 since 41
              evctl append seat 12A taken --unless-tag seat-12A      no event at all has this tag
              evctl append --batch - --unless-category order --unless-type closed --unless-or --unless-tag frozen
            """
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions

    @Argument(help: "What kind of thing it is about.")
    var category: String?

    @Argument(help: "Which thing.")
    var aggregate: String?

    @Argument(help: "What happened.")
    var type: String?

    @Argument(help: "A JSON object (default: an empty one); - reads it from standard input.")
    var data: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("When it happened (default: when it is committed).", valueName: "time")
    )
    var at: String?

    @Option(help: ArgumentHelp("Schema version of the data (default: 1).", valueName: "n"))
    var eventVersion: UInt32?

    @Option(
        help: ArgumentHelp(
            "Any name that makes a retry idempotent: the store keeps one event of it.",
            valueName: "identifier"
        )
    )
    var id: String?

    @Option(help: ArgumentHelp("A further name to find it by; repeatable.", valueName: "name"))
    var tag: [String] = []

    @Option(help: ArgumentHelp("A JSON object beside the data.", valueName: "json"))
    var metadata: String?

    @Option(
        help: ArgumentHelp("Append the events of this NDJSON file together; - is standard input.", valueName: "file")
    )
    var batch: String?

    @OptionGroup(title: "Condition") var condition: ConditionOptions

    func validate() throws {
        if batch != nil {
            let isOfOneEvent =
                [category, aggregate, type, data, at, id, metadata].contains { $0 != nil } || eventVersion != nil
                || !tag.isEmpty
            if isOfOneEvent {
                throw ValidationError("--batch takes all of an event from the file: give no parts of one.")
            }
        } else if category == nil || aggregate == nil || type == nil {
            throw ValidationError("Expected CATEGORY AGGREGATE TYPE, or --batch FILE.")
        }
    }

    func run(in invocation: Invocation) async throws {
        let client: EventStoreClient
        let events: [NewEvent]
        if let batch {
            let descriptor = try Descriptor(readingNDJSON: batch)
            client = try await global.connect(invocation, try condition.store)
            let limit = InputLine.maximumBytes(StatusReport(info: try await client.info()))
            events = try EventFile.events(descriptor, maximumLineBytes: limit)
        } else {
            events = [try event(invocation)]
            client = try await global.connect(invocation, try condition.store)
        }
        let condition = try condition.condition(for: events, invocation)
        let receipts = try await client.appendOnce(events, unless: condition)
        await client.close()
        for (receipt, event) in zip(receipts, events) {
            if global.isJSON {
                let existed = receipt.existed ? #","existed":true"# : ""
                try global.print(json: Array(#"{"event_id":\#(receipt.id)\#(existed)}"#.utf8), in: invocation)
            } else {
                try StandardOutput().print(line: invocation.terminal.isOutput ? "event \(receipt.id)" : "\(receipt.id)")
            }
            if receipt.existed, !global.quiet {
                let sign = event.identifier == nil ? "in this transaction" : "with this ID"
                invocation.note("event \(receipt.id) was there already, \(sign)")
            }
        }
    }

    func event(_ invocation: Invocation) throws -> NewEvent {
        guard let category, let aggregate, let type else { preconditionFailure("validate() lets nothing else through") }
        try requireName(category, for: "CATEGORY")
        try requireName(aggregate, for: "AGGREGATE")
        try requireName(type, for: "TYPE")
        if let id { try requireName(id, for: "--id") }
        for name in tag { try requireName(name, for: "--tag") }
        guard eventVersion != 0 else { throw Failure(.usage, "--event-version: expected a number from 1") }
        return NewEvent(
            category: category,
            aggregateID: aggregate,
            eventType: type,
            data: data == "-" ? try Self.standardInput() : Array((data ?? "{}").utf8),
            timestamp: try at.map { try global.grammar(invocation).moment($0, for: "--at") },
            version: eventVersion ?? 1,
            identifier: id,
            tags: tag,
            metadata: metadata.map { Array($0.utf8) }
        )
    }

    /// The line break that ends a text file is not part of the object in it.
    private static func standardInput() throws -> [UInt8] {
        var bytes = try Descriptor.standardInput.readAll().withoutByteOrderMark
        while bytes.last == UInt8(ascii: "\n") || bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        return bytes
    }
}
