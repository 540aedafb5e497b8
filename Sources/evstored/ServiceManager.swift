// Owns: the conversation with systemd: sockets it hands over (sd_listen_fds(3)) and states it is told (sd_notify(3)).
// Does nothing where there is no service manager.

import EventModel
import Glibc

/// The service manager, as the environment names it.
struct ServiceManager: Sendable {
    private let notifyAddress: String?
    /// A quarter of what the watchdog allows, so that there is time for a slow disk; nil where there is none.
    let watchdogIntervalMilliseconds: Int?
    /// The first socket that was handed over, but for the one below.
    private(set) var listeningDescriptor: Int32?
    /// The socket that was handed over by the name of a read-only one: the unit's FileDescriptorName.
    private(set) var readOnlyListeningDescriptor: Int32?

    init(environment: [String: String]) {
        notifyAddress = environment["NOTIFY_SOCKET"]
        let isForUs = { (key: String) in environment[key].map { $0 == String(getpid()) } }
        if let microseconds = environment["WATCHDOG_USEC"].flatMap(Int.init), isForUs("WATCHDOG_PID") ?? true {
            watchdogIntervalMilliseconds = max(microseconds / 4000, 1)
        } else {
            watchdogIntervalMilliseconds = nil
        }
        guard let count = environment["LISTEN_FDS"].flatMap(Int.init), count >= 1, isForUs("LISTEN_PID") ?? false else {
            return
        }
        // Who tells no names hands over one socket.
        let names = (environment["LISTEN_FDNAMES"] ?? "").split(separator: ":", omittingEmptySubsequences: false)
        for (index, name) in names.prefix(count).enumerated() {
            let descriptor = Int32(3 + index)
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            if name == "read-only" {
                readOnlyListeningDescriptor = readOnlyListeningDescriptor ?? descriptor
            } else {
                listeningDescriptor = listeningDescriptor ?? descriptor
            }
        }
    }

    /// Now, as systemd reads it beside `RELOADING=1`.
    static var monotonicMicroseconds: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
    }

    /// Tells the manager what is going on, in words for `systemctl status`; with whatever else there is to tell.
    func notify(status: String, _ state: String...) {
        notify((["STATUS=\(status.visibleOnOneLine)"] + state).joined(separator: "\n"))
    }

    /// Tells the manager: `READY=1`, `STATUS=…`, `STOPPING=1`, `WATCHDOG=1`, …; lines joined by newlines.
    func notify(_ state: String) {
        guard let notifyAddress, var path = notifyAddress.utf8.isEmpty ? nil : Array(notifyAddress.utf8) else { return }
        var address = sockaddr_un()
        guard path.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        // A leading @ stands for the abstract namespace.
        if path[0] == UInt8(ascii: "@") { path[0] = 0 }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + path.count)
        let bytes = Array(state.utf8)
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                _ = sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), address, length)
            }
        }
    }
}
