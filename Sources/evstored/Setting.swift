// Owns: the table of settings. One row a setting; the sample configuration and its page are checked against it.

import EventStore
import EventStoreServer
import EventWire
import Reducers
import SegmentLog

/// One setting: where it is called what, and how a value gets into the configuration.
struct Setting: Sendable {
    enum Value: Equatable {
        case text(String)
        case list([String])
        /// `~`, `null`, or nothing at all behind the key.
        case null
        /// A mapping, or a list of other things than names.
        case other

        fileprivate var words: String {
            switch self {
            case .text(let text): "'\(text)'"
            case .list(let names): "a list (\(names.joined(separator: ", ")))"
            case .null: "null (~, or nothing); leave the key out for the default"
            case .other: "what stands there"
            }
        }
    }

    /// As in the YAML file, levels joined by dots.
    let key: String
    /// What is expected, in words, for the error.
    let expected: String
    /// False where the value is another than what is expected. Throws where there is more to say of it than that.
    private let store: @Sendable (inout Configuration, Value, _ folder: String) throws(Configuration.Mistake) -> Bool

    /// The environment variable: `EVSTORED_` and the key in capitals, dots as underscores.
    var variable: String {
        "EVSTORED_" + String(key.uppercased().map { $0 == "." ? "_" : $0 })
    }

    func set(
        _ configuration: inout Configuration,
        _ value: Value,
        _ place: String,
        _ folder: String
    ) throws(Configuration.Mistake) {
        let isTaken: Bool
        do throws(Configuration.Mistake) {
            isTaken = try store(&configuration, value, folder)
        } catch {
            throw Configuration.Mistake(description: "\(place): \(error)")
        }
        guard isTaken else {
            throw Configuration.Mistake(description: "\(place): expected \(expected), not \(value.words)")
        }
    }

    static let all: [Setting] = [
        path("data_dir") { $0.store.directory = $1 },
        path("socket") { $0.server.socketPath = $1 },
        optionalPath("read_only_socket") { $0.server.readOnlySocketPath = $1 },
        rules("access") { $0.server.access = $1 },
        flag("create") { $0.store.log.create = $1 },
        choice("log_level", ["error", "warning", "info", "debug"]) { $0.logLevel = $1 },

        integer("segment.bytes", 1 << 20...1 << 31) { $0.store.log.segmentBytes = $1 },
        integer("segment.roll_after_seconds", 0...1 << 31) { $0.store.rollAfterSeconds = $1 },
        integer("segment.spare_files", 0...64) { $0.store.log.spareFiles = $1 },
        integer("segment.recycled_files", 0...1024) { $0.store.log.recycledFiles = $1 },
        integer("segment.block_bytes", 4096...65_536) { $0.store.log.blockBytes = $1 },
        integer("segment.sealing_level", 1...9) { $0.store.log.sealingLevel = $1 },
        integer("disk.keep_free_bytes", 0...1 << 50) { $0.store.log.keepFreeBytes = UInt64($1) },
        integer("disk.reserve_files", 0...64) { $0.store.log.reserveFiles = $1 },
        integer("scrub.bytes_per_second", 0...1 << 40) { $0.store.scrub.bytesPerSecond = $1 },
        integer("scrub.every_seconds", 0...1 << 31) { $0.store.scrub.everySeconds = $1 },
        integer("backlog.soft_bytes", 0...1 << 50) { $0.store.backlog.softBytes = UInt64($1) },
        integer("backlog.hard_bytes", 0...1 << 50) { $0.store.backlog.hardBytes = UInt64($1) },
        integer("backlog.soft_events", 0...1 << 50) { $0.store.backlog.softEvents = UInt64($1) },
        integer("backlog.hard_events", 0...1 << 50) { $0.store.backlog.hardEvents = UInt64($1) },
        integer("compaction.level", 1...9) { $0.store.log.compactionLevel = $1 },
        integer("compaction.bytes", 1 << 20...1 << 32) { $0.store.log.compactedBytes = $1 },
        integer("memory.bytes", 0...1 << 44) { $0.server.memoryBytes = $1 },
        integer("cache.bytes", 1 << 20...1 << 40) { $0.store.log.cacheBytes = $1 },

        path("reducers.directory") { $0.store.reducersDirectory = $1 },
        integer("reducers.instructions_per_event", 1000...1 << 40) { $0.store.reducerLimits.instructionsPerEvent = $1 },
        integer("reducers.milliseconds_per_event", 10...1 << 31) { $0.store.reducerLimits.millisecondsPerEvent = $1 },
        integer("reducers.memory_bytes", 1 << 20...1 << 40) { $0.store.reducerLimits.memoryBytes = $1 },
        integer("reducers.source_instructions_per_event", 1000...1 << 40) {
            $0.store.sourceLimits.instructionsPerEvent = $1
        },
        integer("reducers.source_milliseconds_per_event", 10...1 << 31) {
            $0.store.sourceLimits.millisecondsPerEvent = $1
        },
        integer("reducers.source_memory_bytes", 1 << 20...1 << 40) { $0.store.sourceLimits.memoryBytes = $1 },
        list("projections") { $0.store.projections = $1 },
        integer("projection_wait_milliseconds", 0...1 << 31) { $0.store.projectionWaitMilliseconds = $1 },
        integer("projection_live_milliseconds", 0...1 << 31) { $0.store.projectionLiveMilliseconds = $1 },
        integer("snapshots.every_events", 1...1 << 40) { $0.store.snapshots.everyEvents = UInt64($1) },
        integer("snapshots.every_minutes", 1...1 << 31) { $0.store.snapshots.everyMinutes = $1 },
        integer("snapshots.keep", 2...10_000) { $0.store.snapshots.keep = $1 },

        integer("limits.event_bytes", 64...1 << 28) {
            $0.store.limits.eventBytes = $1
            $0.server.limits.argumentBytes = $1
        },
        integer("limits.tags", 0...250) { $0.store.limits.tags = $1 },
        integer("limits.command_bytes", 1024...1 << 29) { $0.server.limits.commandBytes = $1 },
        integer("limits.arguments", 16...1 << 20) { $0.server.limits.arguments = $1 },
        integer("limits.reply_bytes", 1 << 16...1 << 29) { $0.server.replyBytes = $1 },
        integer("limits.buffer_bytes", 1 << 20...1 << 40) { $0.server.bufferBytes = $1 },
        integer("limits.buffer_bytes_per_user", 0...1 << 40) { $0.server.bufferBytesPerUser = $1 },
        integer("limits.command_seconds", 1...3600) { $0.server.commandSeconds = $1 },
        integer("limits.write_seconds", 1...3600) { $0.server.writeSeconds = $1 },
        integer("limits.query_seconds", 1...86_400) {
            $0.server.querySeconds = $1
            $0.store.lookups.whole = .seconds($1)
        },
        integer("limits.condition_blocks", 1...1 << 31) { $0.store.lookups.blocks = $1 },
        integer("limits.query_seconds_operate", 0...86_400) { $0.server.operatorQuerySeconds = $1 },
        integer("limits.reader_seconds_per_minute_per_user", 0...1 << 31) {
            $0.server.readerSecondsPerMinutePerUser = $1
        },
        integer("limits.connections", 1...1 << 20) { $0.server.maximumConnections = $1 },
        integer("limits.connections_per_user", 0...1 << 20) { $0.server.maximumConnectionsPerUser = $1 },
        integer("limits.subscriptions_per_user", 0...1 << 31) { $0.server.subscriptionsPerUser = $1 },
        integer("limits.subscriptions_per_second_per_user", 0...1 << 31) {
            $0.server.subscriptionsPerSecondPerUser = $1
        },
        integer("limits.rolls_per_minute_per_user", 0...1 << 31) { $0.server.rollsPerMinutePerUser = $1 },

        integer("threads.event_loops", 0...256) { $0.server.eventLoops = $1 },
        integer("threads.readers", 1...256) { $0.server.readers = $1 },
        integer("threads.sealing", 0...64) { $0.server.sealingThreads = $1 },
        mode("socket_mode") { $0.server.socketMode = $1 },
        mode("read_only_socket_mode") { $0.server.readOnlySocketMode = $1 },
    ]

    /// Keys that were settings, with what has come in their place.
    static let replaced = [
        "reducers.allow_source": "the role reduce in a rule of access, such as \"user alice: read reduce\", allows it"
    ]

    private static func path(_ key: String, _ set: @escaping @Sendable (inout Configuration, String) -> Void) -> Setting
    {
        Setting(key: key, expected: Configuration.expectedPath) { configuration, value, folder in
            guard case .text(let text) = value, let path = Configuration.absolute(text, in: folder) else {
                return false
            }
            set(&configuration, path)
            return true
        }
    }

    /// A path, or the word none.
    private static func optionalPath(
        _ key: String,
        _ set: @escaping @Sendable (inout Configuration, String?) -> Void
    ) -> Setting {
        Setting(key: key, expected: "none or " + Configuration.expectedPath) { configuration, value, folder in
            guard case .text(let text) = value else { return false }
            let path = text == "none" ? nil : Configuration.absolute(text, in: folder)
            guard text == "none" || path != nil else { return false }
            set(&configuration, path)
            return true
        }
    }

    /// A list of rules of access; in the environment, separated by semicolons.
    private static func rules(
        _ key: String,
        _ set: @escaping @Sendable (inout Configuration, AccessRules) -> Void
    ) -> Setting {
        Setting(
            key: key,
            expected: "a list of rules, each in quotes and of the form \"SUBJECT: ROLE ROLE\""
        ) { configuration, value, _ throws(Configuration.Mistake) in
            let texts: [String]
            switch value {
            case .list(let list): texts = list
            case .text(let text):
                texts = text.split(separator: ";", omittingEmptySubsequences: false).map { String($0).trimmed }
            case .null, .other: return false
            }
            guard !texts.contains("") else { return false }
            do throws(AccessRules.Mistake) {
                set(&configuration, try AccessRules(texts))
            } catch {
                throw Configuration.Mistake(description: error.description)
            }
            return true
        }
    }

    private static func integer(
        _ key: String,
        _ range: ClosedRange<Int>,
        _ set: @escaping @Sendable (inout Configuration, Int) -> Void
    ) -> Setting {
        Setting(key: key, expected: "an integer from \(range.lowerBound) to \(range.upperBound)") {
            configuration,
            value,
            _ in
            guard case .text(let text) = value, let number = Int(text), range.contains(number) else { return false }
            set(&configuration, number)
            return true
        }
    }

    private static func flag(_ key: String, _ set: @escaping @Sendable (inout Configuration, Bool) -> Void) -> Setting {
        Setting(key: key, expected: "true or false") { configuration, value, _ in
            guard case .text(let text) = value, let flag = Bool(text) else { return false }
            set(&configuration, flag)
            return true
        }
    }

    private static func choice(
        _ key: String,
        _ choices: [String],
        _ set: @escaping @Sendable (inout Configuration, String) -> Void
    ) -> Setting {
        Setting(key: key, expected: "one of \(choices.joined(separator: ", "))") { configuration, value, _ in
            guard case .text(let text) = value, choices.contains(text) else { return false }
            set(&configuration, text)
            return true
        }
    }

    /// A list; in the environment, names separated by commas.
    private static func list(_ key: String, _ set: @escaping @Sendable (inout Configuration, [String]) -> Void)
        -> Setting
    {
        Setting(key: key, expected: "a list of names, each once") { configuration, value, _ in
            let names: [String]
            switch value {
            case .list(let list): names = list
            case .text(let text): names = text.split(separator: ",").map { String($0).trimmed }
            case .null: names = []
            case .other: return false
            }
            guard !names.contains(""), Set(names).count == names.count else { return false }
            set(&configuration, names)
            return true
        }
    }

    private static func mode(_ key: String, _ set: @escaping @Sendable (inout Configuration, UInt32) -> Void) -> Setting
    {
        Setting(key: key, expected: "permission bits in octal, such as 0660") { configuration, value, _ in
            guard case .text(let text) = value, let mode = UInt32(text, radix: 8), mode <= 0o777 else { return false }
            set(&configuration, mode)
            return true
        }
    }
}

extension String {
    fileprivate var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
