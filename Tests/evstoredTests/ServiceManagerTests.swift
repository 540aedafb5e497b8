// Owns: the promises about systemd's protocols, and about exit codes.

import EventModel
import EventStore
import Foundation
import SegmentLog
import Testing

@testable import evstored

@Suite struct ServiceManagerTests {
    /// What arrives at a notification socket of the test's own.
    private func received(at name: String, _ states: [String]) -> [String] {
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(descriptor) }
        var path = Array(name.utf8)
        if path[0] == UInt8(ascii: "@") { path[0] = 0 }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + path.count)
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        guard status == 0 else { return ["cannot bind: \(errno)"] }
        let manager = ServiceManager(environment: ["NOTIFY_SOCKET": name])
        for state in states { manager.notify(state) }
        return states.map { _ in
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            return count < 0 ? "nothing" : String(decoding: buffer[..<count], as: UTF8.self)
        }
    }

    @Test("A state reaches the manager's socket, in the file system and in the abstract namespace")
    func notify() {
        let directory = TemporaryDirectory()
        let states = ["READY=1\nSTATUS=5 events", "STOPPING=1"]
        #expect(received(at: directory.path + "/notify", states) == states)
        #expect(received(at: "@evstore-test-\(UInt64.random(in: 0 ... .max))", states) == states)
    }

    @Test("Without a manager, or with one that is gone, telling does nothing")
    func nobody() {
        ServiceManager(environment: [:]).notify("READY=1")
        ServiceManager(environment: ["NOTIFY_SOCKET": ""]).notify("READY=1")
        ServiceManager(environment: ["NOTIFY_SOCKET": "/nowhere/notify"]).notify("READY=1")
        ServiceManager(environment: ["NOTIFY_SOCKET": String(repeating: "x", count: 500)]).notify("READY=1")
    }

    @Test("Sockets that were handed to another process are not taken")
    func descriptors() {
        #expect(ServiceManager(environment: ["LISTEN_FDS": "1", "LISTEN_PID": "1"]).listeningDescriptor == nil)
        #expect(ServiceManager(environment: ["LISTEN_FDS": "1"]).listeningDescriptor == nil)
        #expect(
            ServiceManager(environment: ["LISTEN_FDS": "0", "LISTEN_PID": "\(getpid())"]).listeningDescriptor == nil
        )
        #expect(
            ServiceManager(environment: ["LISTEN_FDS": "x", "LISTEN_PID": "\(getpid())"]).listeningDescriptor == nil
        )
    }

    @Test("Sockets are told apart by their names: the one that is read-only, and the first of any other")
    func namedDescriptors() {
        func descriptors(_ count: Int, _ names: String?) -> [Int32?] {
            var environment = ["LISTEN_FDS": "\(count)", "LISTEN_PID": "\(getpid())"]
            environment["LISTEN_FDNAMES"] = names
            let manager = ServiceManager(environment: environment)
            return [manager.listeningDescriptor, manager.readOnlyListeningDescriptor]
        }
        #expect(descriptors(1, nil) == [3, nil])
        #expect(descriptors(2, nil) == [3, nil])
        #expect(descriptors(1, "evstored.socket") == [3, nil])
        #expect(descriptors(2, "evstored.socket:read-only") == [3, 4])
        #expect(descriptors(2, "read-only:evstored.socket") == [4, 3])
        #expect(descriptors(1, "read-only") == [nil, 3])
        #expect(descriptors(3, "read-only:a:read-only") == [4, 3])
        #expect(descriptors(1, "a:read-only") == [3, nil])
    }

    @Test("The watchdog is fed four times in its time, where it is ours")
    func watchdog() {
        func interval(_ environment: [String: String]) -> Int? {
            ServiceManager(environment: environment).watchdogIntervalMilliseconds
        }
        #expect(interval(["WATCHDOG_USEC": "30000000"]) == 7500)
        #expect(interval(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "\(getpid())"]) == 7500)
        #expect(interval(["WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"]) == nil)
        #expect(interval([:]) == nil)
    }

    @Test("Each reason not to open has its exit code")
    func exitCodes() {
        let ids = RecordID(1)...RecordID(2)
        let cases: [(OpenError, Int32)] = [
            (.log(.corrupt(ids, reason: "")), 65), (.log(.unreadable(path: "", reason: "")), 65),
            (.log(.unknownFormat(path: "", found: "")), 65), (.log(.inUse(path: "")), 69),
            (.log(.missing(path: "")), 78),
        ]
        for (error, code) in cases { #expect(ExitStatus(error).rawValue == code, "\(error)") }
    }
}
