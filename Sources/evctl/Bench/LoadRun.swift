// Owns: a whole load: connections dealt to threads, works taken in turn, shares added up.

/// How hard, and for how long.
struct LoadPlan: Sendable {
    var clients = 1
    /// Units in flight on each connection.
    var pipeline = 1
    var threads = 1
    /// Of each work; `.max` where only time ends it.
    var units = Int.max
    /// Of all works together.
    var seconds: Double?
    /// Units a second, where they go by the clock.
    var rate: Double?
}

enum LoadRun {
    /// Works that are compared take turns so often, each alone, so that what else the machine does hits all of them.
    private static let rounds = 10

    /// Runs the works and returns what was measured of each.
    static func run(
        _ works: consuming [Work],
        _ names: AggregateNames,
        _ order: AggregateNumbers.Order,
        _ plan: LoadPlan,
        socketPath: String,
        watch: LoadWatch
    ) async throws -> [Measurement] {
        var connections: [LoadConnection] = []
        for client in 0..<plan.clients {
            connections.append(
                LoadConnection(
                    descriptor: try UnixStream.connect(socketPath),
                    cycles: works.map { $0.cycles[client] }
                )
            )
        }
        // The connections change what they hold, and should not have to copy it first.
        for index in works.indices { works[index].cycles = [] }
        let threads = min(plan.threads, plan.clients)
        let loops = (0..<threads).map { thread in
            LoadLoop(
                connections: stride(from: thread, to: plan.clients, by: threads).map { connections[$0] },
                pipeline: plan.pipeline,
                numbers: AggregateNumbers(names, order, share: thread, of: threads),
                watch: watch
            )
        }
        var measurements = works.map { _ in Measurement() }
        let rounds = works.count == 1 ? 1 : rounds
        for round in 0..<rounds {
            for (index, work) in works.enumerated() where !watch.isInterrupted {
                let units = plan.units == .max ? .max : share(round, of: rounds, plan.units)
                let phases = loops.indices.map { thread in
                    LoadLoop.Phase(
                        work: index,
                        repliesPerUnit: work.repliesPerUnit,
                        units: units == .max ? .max : share(thread, of: threads, units),
                        nanoseconds: plan.seconds.map { UInt64(saturating: $0 * 1e9) / UInt64(rounds * works.count) },
                        interval: plan.rate.map { 1e9 * Double(threads) / $0 }
                    )
                }
                measurements[index].add(after: await together(loops, phases))
            }
        }
        watch.end()
        return measurements
    }

    /// The `index`th of so many shares of a number, which differ by one at most.
    private static func share(_ index: Int, of shares: Int, _ total: Int) -> Int {
        total * (index + 1) / shares - total * index / shares
    }

    /// Runs one phase of each loop, each on a thread of its own.
    private static func together(_ loops: [LoadLoop], _ phases: [LoadLoop.Phase]) async -> Measurement {
        await withTaskGroup(of: Measurement.self) { group in
            for (loop, phase) in zip(loops, phases) {
                group.addTask { await OwnThread.run("bench") { loop.run(phase) } }
            }
            return await group.reduce(into: Measurement()) { $0.add(beside: $1) }
        }
    }
}
