// Owns: that descriptors do not run out: the limit is raised as far as the system allows, and connections leave enough of
// them for the files of the log.

import Foundation

enum Descriptors {
    /// What the daemon has open when nobody is connected and the log is empty, about.
    private static let own = 32
    /// Kept for files to come. Each sealed segment takes one, and there may come to be twice as many as there are.
    private static let reserve = 256

    /// Raises the limit of this process. Returns how many connections fit, where it is fewer than were asked for, and why.
    static func fit(_ connections: Int, directory: String) -> (connections: Int, reason: String)? {
        let limit = raise()
        let files = (try? FileManager.default.contentsOfDirectory(atPath: directory + "/log").count) ?? 0
        let fitting = room(limit: limit, files: files)
        guard fitting < connections else { return nil }
        return (
            fitting,
            "room for \(fitting) connections, not for limits.connections = \(connections): the process may open "
                + "\(limit) files (LimitNOFILE, ulimit -n)"
        )
    }

    /// Connections that fit under a limit of descriptors, beside a log of so many files: at least half of what there is.
    static func room(limit: Int, files: Int) -> Int {
        max(limit - own - min(reserve, limit / 4) - 2 * files, limit / 2)
    }

    /// Raises the soft limit to the hard one, and returns what holds now.
    private static func raise() -> Int {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0 else { return 1024 }
        if limit.rlim_cur < limit.rlim_max {
            var raised = limit
            raised.rlim_cur = raised.rlim_max
            if setrlimit(resource, &raised) == 0 { limit = raised }
        }
        return Int(min(limit.rlim_cur, UInt(Int32.max)))
    }
}
