// Owns: `evctl demo`: a whole store in this process, driven through its real socket.

import ArgumentParser
import EventModel
import EventStore
import EventStoreClient
import EventStoreServer

struct DemoCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Run the reference pipeline on a temporary store and print what it makes of it.",
        discussion: "The reducers are found beside the program, in config/reducers, or where EVCTL_REDUCERS says."
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions

    func run(in invocation: Invocation) async throws {
        let reducers = try ReducerFiles.directory(invocation.environment)
        let directory = try TemporaryDirectory()
        invocation.interruption.beforeEnd { directory.remove() }
        defer { directory.remove() }

        var options = StoreOptions(directory: directory.path + "/data")
        options.reducersDirectory = reducers
        options.projections = ReferencePipeline.projections.map(\.name)
        let store = try EventStore.open(options)
        defer { store.close() }
        let socket = directory.path + "/socket"
        let server = try await Server.start(store: store, options: ServerOptions(socketPath: socket))
        let answer: Result<[UInt8], any Error>
        do {
            answer = .success(try await Self.answer(socket))
        } catch {
            answer = .failure(error)
        }
        await server.stop()
        try StandardOutput().print(line: answer.get())
    }

    private static func answer(_ socket: String) async throws -> [UInt8] {
        let client = try await EventStoreClient.connect(.init(socketPath: socket))
        for event in ReferencePipeline.events { _ = try await client.append(event) }
        var projections: [[UInt8]] = []
        for projection in ReferencePipeline.projections {
            projections.append(try await client.projection(projection.name))
        }
        let moment = ReferencePipeline.moment
        let state = try await client.state(of: moment.aggregate, reducer: moment.reducer, at: moment.at)
        let total = try await client.count()
        await client.close()
        return try ReferencePipeline.answer(totalEvents: total, projections: projections, state: state)
    }
}
