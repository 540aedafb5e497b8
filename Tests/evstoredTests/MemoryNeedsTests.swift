// Owns: the promise that settings which do not fit into the memory there is are told of.

import EventStore
import Foundation
import SegmentLog
import Testing

@testable import evstored

@Suite struct MemoryNeedsTests {
    @Test("The limit is the least of those of the cgroup and of all above it, and of the machine")
    func limits() throws {
        let directory = TemporaryDirectory()
        func write(_ text: String, _ name: String) throws {
            let path = "\(directory.path)/\(name)"
            try FileManager.default.createDirectory(
                atPath: (path as NSString).deletingLastPathComponent,
                withIntermediateDirectories: true
            )
            try text.write(toFile: path, atomically: false, encoding: .utf8)
        }
        func limit() -> MemoryLimit? {
            .ofProcess(cgroups: directory.path, membership: directory.path + "/membership")
        }
        // Nothing is known but the machine.
        #expect(limit()?.name == "the machine's memory")
        try write("1:name=systemd:/x\n0::/system.slice/evstored.service\n", "membership")
        #expect(limit()?.name == "the machine's memory")
        try write("max\n", "system.slice/evstored.service/memory.max")
        try write("1048576\n", "system.slice/memory.max")
        try write("2097152\n", "memory.max")
        #expect(
            limit() == MemoryLimit(bytes: 1 << 20, name: "the memory limit of the cgroup /system.slice (MemoryMax)")
        )
        try write("4096\n", "system.slice/evstored.service/memory.max")
        #expect(limit()?.bytes == 4096)
    }

    @Test("What is shipped fits into what the unit allows; what does not is told with its parts")
    func fit() throws {
        var shipped = try Configuration.load(
            file: nil,
            dataDirectory: nil,
            socket: nil,
            environment: [:],
            memory: nil
        )
        let unit = MemoryLimit(bytes: 4 << 30, name: "the unit")
        shipped.store.projections = ["order_counts", "user_activity", "inventory_levels"]
        #expect(MemoryNeeds(shipped).objection(to: unit) == nil)
        #expect(MemoryNeeds(shipped).objection(to: nil) == nil)
        shipped.store.log.cacheBytes = 4 << 30
        let objection = try #require(MemoryNeeds(shipped).objection(to: unit))
        #expect(
            objection.contains("cache.bytes 4096 MiB")
                && objection.contains("3 projections of reducers.memory_bytes 768 MiB")
        )
        #expect(objection.contains("the unit is 4096 MiB"))
    }
}
