// Owns: whether what the settings allow to be held in memory fits into what the daemon may have: its cgroup's limit, or the machine.

import EventStore
import EventStoreServer
import Foundation
import Glibc
import Reducers
import SegmentLog

/// The most that the settings allow, in bytes.
struct MemoryNeeds {
    private let parts: [(name: String, bytes: Int)]
    private let asked: MemoryLimit?

    init(_ configuration: Configuration) {
        let (store, server) = (configuration.store, configuration.server)
        parts = [
            ("cache.bytes", store.log.cacheBytes), ("the tables of segments", store.log.tableBytes),
            ("limits.buffer_bytes", server.bufferBytes),
            (
                "\(store.projections.count) projections of reducers.memory_bytes",
                store.projections.count.multipliedReportingOverflow(by: store.reducerLimits.memoryBytes).partialValue
            ),
            (
                "one answer of such a state",
                store.reducerLimits.memoryBytes.multipliedReportingOverflow(by: MemoryBudget.answerCopies).partialValue
            ),
        ]
        asked = configuration.memoryAsked
    }

    var bytes: Int { parts.reduce(MemoryBudget.own) { $0 + $1.bytes } }

    /// Why they do not fit under a limit, or into what was asked for; nil where they do, or there is neither.
    func objection(to limit: MemoryLimit?) -> String? {
        let limits = [limit, asked].compactMap(\.self)
        guard let limit = limits.min(by: { $0.bytes < $1.bytes }), bytes > limit.bytes else { return nil }
        let sum = parts.map { "\($0.name) \($0.bytes >> 20) MiB" }.joined(separator: ", ")
        return
            "the settings let the daemon hold \(bytes >> 20) MiB (\(sum), and \(MemoryBudget.own >> 20) MiB beside), and \(limit.name) is "
            + "\(limit.bytes >> 20) MiB: lower them, or it may be killed in the midst of work"
    }
}

/// What a process may hold.
struct MemoryLimit: Equatable {
    let bytes: Int
    /// Whose limit it is.
    let name: String

    /// The least of the limits of this process's cgroup and those above it, and of the machine's memory; nil where none is known.
    static func ofProcess(cgroups: String = "/sys/fs/cgroup", membership: String = "/proc/self/cgroup") -> MemoryLimit?
    {
        var limits: [MemoryLimit] = []
        let (pages, pageBytes) = (sysconf(Int32(_SC_PHYS_PAGES)), sysconf(Int32(_SC_PAGESIZE)))
        if pages > 0, pageBytes > 0 {
            limits.append(MemoryLimit(bytes: pages * pageBytes, name: "the machine's memory"))
        }
        let line = (try? String(contentsOfFile: membership, encoding: .utf8))?.split(separator: "\n")
            .first { $0.hasPrefix("0::/") }
        // The hierarchy of version 2 has one path for all that is controlled.
        var group = line.map { String($0.dropFirst(3)) } ?? "/"
        while true {
            let path = group == "/" ? "/memory.max" : "\(group)/memory.max"
            if let text = try? String(contentsOfFile: cgroups + path, encoding: .utf8),
                let bytes = Int(text.trimmingCharacters(in: .whitespacesAndNewlines))
            {
                limits.append(MemoryLimit(bytes: bytes, name: "the memory limit of the cgroup \(group) (MemoryMax)"))
            }
            guard group != "/" else { break }
            group = (group as NSString).deletingLastPathComponent
        }
        return limits.min { $0.bytes < $1.bytes }
    }
}
