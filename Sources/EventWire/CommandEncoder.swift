// Owns: commands as bytes, in the client's direction: RESP arrays of bulk strings.

package import EventModel

/// Gathers commands, so that many can be written at once.
package struct CommandEncoder: Sendable {
    // A command is framed as a reply of bulk strings is.
    private var frames = ReplyEncoder(version: .resp2)

    package init() {}

    package var bytes: [UInt8] {
        frames.bytes
    }

    package mutating func command(_ words: [String]) {
        frames.array(words.count)
        for word in words { frames.bulk(word) }
    }

    package mutating func command(_ arguments: [[UInt8]]) {
        frames.array(arguments.count)
        for argument in arguments { frames.bulk(argument) }
    }

    /// EV.APPEND. A condition's position belongs to `store`, where that is given; `reportsStatus` is for WITHSTATUS.
    package mutating func append(
        _ event: NewEvent,
        unless condition: AppendCondition? = nil,
        in store: EventUUID? = nil,
        reportsStatus: Bool = false
    ) {
        let options =
            event.options + (reportsStatus ? ["WITHSTATUS"] : [])
            + (condition.map { ["UNLESS"] + $0.arguments(in: store) } ?? [])
        frames.array(5 + (event.metadata == nil ? 0 : 2) + options.count)
        frames.bulk("EV.APPEND")
        frames.bulk(event.category)
        frames.bulk(event.aggregateID)
        frames.bulk(event.eventType)
        frames.bulk(event.data)
        if let metadata = event.metadata {
            frames.bulk("METADATA")
            frames.bulk(metadata)
        }
        for option in options { frames.bulk(option) }
    }
}

extension NewEvent {
    /// The options that are words; the condition has to come after them.
    fileprivate var options: [String] {
        var words: [String] = []
        if let timestamp { words += ["TIMESTAMP", timestamp.description] }
        if version != 1 { words += ["VERSION", String(version)] }
        if let identifier { words += ["ID", identifier] }
        for tag in tags { words += ["TAG", tag] }
        return words
    }
}
