// Owns: what the system tells of this process: memory, processor time, and where it runs.

import CMalloc
import EventStore
import Glibc

/// Looked up when it is made.
struct ProcessFigures {
    /// Bytes that the allocator has given out, and reducers have taken beside it.
    let usedBytes = Int(cmalloc_used_bytes()) + EventStore.reducerSlabBytes
    /// Bytes that lie in memory; 0 where the system does not tell.
    let residentBytes: Int
    /// Bytes of memory that the machine has.
    let machineBytes = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
    /// Seconds of processor time.
    let systemSeconds: Double
    let userSeconds: Double
    /// Name, release and processor.
    let system: String

    init() {
        let pages = Self.line(of: "/proc/self/statm").split(separator: " ").dropFirst().first.flatMap { Int($0) }
        residentBytes = (pages ?? 0) * sysconf(Int32(_SC_PAGESIZE))
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        systemSeconds = Double(usage.ru_stime.tv_sec) + Double(usage.ru_stime.tv_usec) / 1e6
        userSeconds = Double(usage.ru_utime.tv_sec) + Double(usage.ru_utime.tv_usec) / 1e6
        var names = utsname()
        uname(&names)
        system = [Self.text(&names.sysname), Self.text(&names.release), Self.text(&names.machine)]
            .joined(separator: " ")
    }

    private static func line(of path: String) -> String {
        guard let file = fopen(path, "re") else { return "" }
        defer { fclose(file) }
        var bytes = [CChar](repeating: 0, count: 256)
        guard fgets(&bytes, Int32(bytes.count), file) != nil else { return "" }
        return bytes.withUnsafeBytes { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    private static func text<Characters>(_ characters: inout Characters) -> String {
        withUnsafeBytes(of: &characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}

/// Whole seconds of a clock that is never set, cheap enough to be asked at each read.
enum CoarseClock {
    static var seconds: Int {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC_COARSE, &now)
        return now.tv_sec
    }
}
