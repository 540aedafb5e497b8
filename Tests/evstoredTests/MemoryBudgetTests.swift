// Owns: the promise that one number is shared out among all that the daemon holds, on a machine of any size, and that what was given
// counts as it was given.

import EventStore
import EventStoreServer
import Foundation
import Reducers
import SegmentLog
import Testing

@testable import evstored

@Suite struct MemoryBudgetTests {
    private static let projections = "order_counts,user_activity,inventory_levels"

    private func load(_ settings: [String: String], machine mebibytes: Int?) throws -> Configuration {
        let limit = mebibytes.map { MemoryLimit(bytes: $0 << 20, name: "the machine") }
        var environment = settings
        environment["EVSTORED_PROJECTIONS"] = environment["EVSTORED_PROJECTIONS"] ?? Self.projections
        return try Configuration.load(
            file: nil,
            dataDirectory: nil,
            socket: nil,
            environment: environment,
            memory: limit
        )
    }

    /// Cache, buffers, and the state of each projection, in MiB.
    private func shares(_ configuration: Configuration) -> [Int] {
        [
            configuration.store.log.cacheBytes, configuration.server.bufferBytes,
            configuration.store.reducerLimits.memoryBytes,
        ]
        .map { $0 >> 20 }
    }

    @Test func `A large machine leaves the defaults as they are`() throws {
        for machine in [nil, 5 << 10, 64 << 10] {
            let configuration = try load([:], machine: machine)
            #expect(shares(configuration) == [48, 256, 256], "\(machine ?? 0)")
            #expect(configuration.server.memoryBytes == 2560 << 20)
        }
    }

    @Test(arguments: [1 << 10, 2 << 10, 3 << 10, 4 << 10]) func `On a small one all of it together fits`(machine: Int)
        throws
    {
        let configuration = try load([:], machine: machine)
        let limit = MemoryLimit(bytes: machine << 20, name: "the machine")
        #expect(configuration.server.memoryBytes <= machine << 20)
        #expect(MemoryNeeds(configuration).objection(to: limit) == nil)
        let largest = try load([:], machine: nil)
        #expect(zip(shares(configuration), shares(largest)).allSatisfy { $0 <= $1 && $0 > 0 })
    }

    @Test func `More is more for each, and many projections share what there is for states`() throws {
        let eight = ["EVSTORED_MEMORY_BYTES": "\(8 << 30)"]
        #expect(try shares(load(eight, machine: nil)) == [153, 819, 867])
        let many = eight.merging(["EVSTORED_PROJECTIONS": (0..<59).map { "p\($0)" }.joined(separator: ",")]) { $1 }
        #expect(try shares(load(many, machine: nil)) == [153, 819, 108])
        #expect(try MemoryNeeds(load(many, machine: nil)).bytes <= 8 << 30)
    }

    @Test func `What is given counts, and the rest shares what is left`() throws {
        let given = ["EVSTORED_MEMORY_BYTES": "\(4 << 30)", "EVSTORED_CACHE_BYTES": "\(2 << 30)"]
        let configuration = try load(given, machine: nil)
        #expect(shares(configuration) == [2048, 409, 179])
        #expect(MemoryNeeds(configuration).objection(to: nil) == nil)
        let states = try load(["EVSTORED_REDUCERS_MEMORY_BYTES": "\(1 << 30)"], machine: nil)
        #expect(shares(states) == [48, 256, 1024])
    }

    @Test func `What was given and does not fit into the budget is told of`() throws {
        let given = ["EVSTORED_MEMORY_BYTES": "\(1 << 30)", "EVSTORED_CACHE_BYTES": "\(2 << 30)"]
        let objection = try MemoryNeeds(load(given, machine: 64 << 10)).objection(to: nil)
        #expect(try #require(objection).contains("memory.bytes is 1024 MiB"))
    }
}
