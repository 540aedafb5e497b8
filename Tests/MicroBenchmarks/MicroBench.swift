// Owns: the hot loops as a program: each by its name, alone, for a counter of instructions or for a clock.

import ArgumentParser

@main
struct MicroBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "microbench",
        abstract: "Runs the hot loops of the store in isolation.",
        subcommands: [List.self, Run.self, Time.self]
    )
}

struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "The names, and what an operation of each is.")

    func run() {
        for benchmark in Benchmark.all { print("\(benchmark.name)  \(benchmark.operation)") }
    }
}

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "One of them, a number of times, after one time to warm up. Prints how many operations that were."
    )

    @Argument(help: "Its name.", transform: Benchmark.init(named:))
    var benchmark: Benchmark

    @Option(help: "How often; a few times unless said otherwise.")
    var iterations: Int?

    @Flag(help: "Allocate something for each operation, which whoever counts must find.")
    var sabotage = false

    func run() throws {
        var loop = try benchmark.prepare()
        if sabotage { loop = loop.sabotaged }
        _ = try loop.iterate()
        let iterations = iterations ?? benchmark.iterations
        _ = try hotLoop(loop, iterations: iterations)
        print("\(iterations * loop.operations) operations")
    }
}

struct Time: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "How fast they are on this machine at this moment, the best of many rounds: for a reader, not for a test."
    )

    @Argument(help: "Their names; all where none is given.", transform: Benchmark.init(named:))
    var benchmarks: [Benchmark] = []

    @Option(help: "For how long each, in milliseconds.")
    var milliseconds = 500

    func run() throws {
        for benchmark in benchmarks.isEmpty ? Benchmark.all : benchmarks {
            let loop = try benchmark.prepare()
            _ = try loop.iterate()
            let clock = ContinuousClock()
            let end = clock.now + .milliseconds(milliseconds)
            var best = Duration.seconds(Int64.max / 2)
            repeat {
                let start = clock.now
                _ = try hotLoop(loop, iterations: 1)
                best = min(best, start.duration(to: clock.now))
            } while clock.now < end
            let nanoseconds = best / .nanoseconds(1)
            print(
                "\(benchmark.name): \(tenths(nanoseconds / Double(loop.operations))) ns/op, "
                    + "\(tenths(Double(loop.bytes) / nanoseconds * 1000)) MB/s"
            )
        }
    }

    private func tenths(_ value: Double) -> Double {
        (value * 10).rounded() / 10
    }
}

extension Loop {
    fileprivate var sabotaged: Loop {
        Loop(operations: operations, bytes: bytes) {
            var result = try iterate()
            for operation in 0..<operations { result &+= waste(operation).count }
            return result
        }
    }
}

/// Not inlined, and returned, so that it has to be made.
@inline(never)
private func waste(_ number: Int) -> [Int] {
    [number]
}

extension Benchmark {
    fileprivate init(named name: String) throws {
        guard let benchmark = Self.all.first(where: { $0.name == name }) else {
            throw ValidationError("there is no benchmark '\(name)'; `microbench list` names them")
        }
        self = benchmark
    }
}
