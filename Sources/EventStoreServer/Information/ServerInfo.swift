// Owns: the answer of EV.INFO, in the form of Redis' INFO. What INFO adds to it is in RedisInfo.

import EventModel
import EventStore
import EventWire
import NIOCore
import SegmentLog

extension ServerCore {
    typealias InfoSection = (name: String, entries: [(String, String)])

    var info: String { Self.text(infoSections) }

    var infoSections: [InfoSection] {
        let info = store.info
        let lag = info.projections.map(\.lag).max() ?? 0
        let damaged = info.damage.map { "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ",")
        let log = info.log
        return [
            ("Server", serverEntries + [("store_uuid", info.storeUUID)]),
            (
                "Store",
                [
                    ("state", info.state.rawValue), ("loading", "0"), ("first_id", "\(info.firstID)"),
                    ("last_id", "\(info.lastID)"), ("damaged", damaged),
                    ("appends", info.state == .failed ? "failed" : info.isFull ? "nospace" : "ok"),
                    ("last_stop", store.recovery.followsUncleanStop ? "unclean" : "clean"),
                    ("verify_percent", store.verificationProgress.map { "\(Int($0 * 100))" } ?? ""),
                ]
            ),
            (
                "Log",
                [
                    ("segments_sealed", "\(log.sealedSegments)"), ("segments_raw", "\(log.rawSegments)"),
                    ("log_bytes", "\(info.files.all)"), ("log_sealed_bytes", "\(info.files.sealed)"),
                    ("log_raw_bytes", "\(info.files.raw)"), ("log_spare_bytes", "\(info.files.spare)"),
                    ("record_bytes", "\(log.recordBytes)"),
                    ("seal_backlog_bytes", "\(log.backlogBytes)"),
                    ("seal_backlog_segments", "\(log.waitingSegments)"),
                    ("backlog_soft_bytes", "\(info.backlogLimits.softBytes)"),
                    ("backlog_hard_bytes", "\(info.backlogLimits.hardBytes)"),
                    ("backlog_soft_events", "\(info.backlogLimits.softEvents)"),
                    ("backlog_hard_events", "\(info.backlogLimits.hardEvents)"),
                    ("appends_slowed_by", slowedBy(info.slowing)),
                    ("appends_slowed_milliseconds", "\(Int(info.slowed / .milliseconds(1)))"),
                ]
            ),
            (
                "Disk",
                [
                    ("disk_free_bytes", "\(info.freeBytes)"), ("disk_keep_free_bytes", "\(info.keepFreeBytes)"),
                    ("disk_reserve_bytes", "\(info.reserveBytes)"), ("scrub_passes", "\(info.scrub.passes)"),
                    ("scrub_bytes", "\(info.scrub.bytes)"), ("scrub_problems", "\(info.scrub.problems)"),
                    ("scrub_last_pass", info.scrub.lastPass?.description ?? ""),
                ]
            ),
            (
                "Readers",
                clientEntries + [
                    ("subscriptions", "\(info.subscriptions)"), ("projections", "\(info.projections.count)"),
                    ("projection_lag", "\(lag)"),
                    ("projections_faulted", names(info.projections) { $0.isFaulted }),
                    ("projections_catching_up", names(info.projections) { $0 == .catchingUp }),
                    ("connections_cut", "\(cuts.count)"),
                ]
            ),
            (
                "Limits",
                [
                    ("limit_event_bytes", "\(store.options.limits.eventBytes)"),
                    ("limit_condition_blocks", "\(store.options.lookups.blocks)"),
                ] + limitEntries
            ),
        ]
    }

    /// `sealing`, the name of a projection, or nothing.
    private func slowedBy(_ backlog: Backlog?) -> String {
        switch backlog?.kind {
        case nil: ""
        case .sealing: "sealing"
        case .projection(let name): "projection \(name)"
        }
    }

    private func names(_ statuses: [ProjectionStatus], _ isOne: (ProjectionHealth) -> Bool) -> String {
        statuses.filter { isOne($0.health) }.map(\.name).joined(separator: ",")
    }

    /// The same as far as it can be told without the store.
    var loadingInfoSections: [InfoSection] {
        [
            ("Server", serverEntries),
            ("Store", [("state", "loading"), ("loading", "1"), ("loading_loaded_perc", "\(loadedPercent)")]),
            ("Readers", clientEntries),
            ("Limits", limitEntries),
        ]
    }

    private var serverEntries: [(String, String)] {
        [
            ("redis_version", Self.redisVersion), ("version", Self.version),
            ("uptime_seconds", "\((NIODeadline.now() - started).nanoseconds / 1_000_000_000)"),
        ]
    }

    private var clientEntries: [(String, String)] {
        let questions = readers.figures
        return [
            ("readers_working", "\(questions.working)"), ("readers_waiting", "\(questions.waiting)"),
            ("readers_interrupted", "\(questions.interrupted)"), ("connections", "\(connections.count)"),
            ("buffer_bytes_in", "\(incoming.used)"),
            ("buffer_bytes_out", "\(outgoing.used)"), ("buffer_waiting", "\(incoming.waiting + outgoing.waiting)"),
        ]
    }

    private var limitEntries: [(String, String)] {
        [
            ("limit_command_bytes", "\(options.limits.commandBytes)"),
            ("limit_arguments", "\(options.limits.arguments)"),
            ("limit_reply_bytes", "\(options.replyBytes)"),
            ("limit_memory_bytes", "\(options.memoryBytes)"),
            ("limit_buffer_bytes", "\(options.bufferBytes)"),
            ("limit_buffer_bytes_per_user", "\(incoming.perUser + outgoing.perUser)"),
            ("limit_command_seconds", "\(options.commandSeconds)"),
            ("limit_write_seconds", "\(options.writeSeconds)"), ("limit_query_seconds", "\(options.querySeconds)"),
            ("limit_query_seconds_operate", "\(options.operatorQuerySeconds)"),
            ("limit_reader_seconds_per_minute_per_user", "\(options.readerSecondsPerMinutePerUser)"),
            ("limit_connections", "\(options.maximumConnections)"),
            ("limit_connections_per_user", "\(options.connectionsPerUser)"),
            ("limit_subscriptions_per_user", "\(options.subscriptionsPerUser)"),
            ("limit_subscriptions_per_second_per_user", "\(options.subscriptionsPerSecondPerUser)"),
            ("limit_rolls_per_minute_per_user", "\(options.rollsPerMinutePerUser)"),
            ("limit_condition_alternatives", "\(Transaction.maximumAlternatives)"),
        ]
    }

    static func text(_ sections: [InfoSection]) -> String {
        sections.map { name, entries in
            "# \(name)\r\n" + entries.map { "\($0):\($1)\r\n" }.joined()
        }.joined(separator: "\r\n")
    }
}
