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
        let answer = try await Self.answer(reducers: reducers, in: directory.path)
        try StandardOutput().print(json: answer, on: invocation.terminal)
    }

    /// The whole of it: a store and a server begin and end in here.
    static func answer(reducers: String, in directory: String) async throws -> [UInt8] {
        var options = StoreOptions(directory: directory + "/data")
        options.reducersDirectory = reducers
        options.projections = ReferencePipeline.projections.map(\.name)
        let store = try EventStore.open(options)
        defer { store.close() }
        let socket = directory + "/socket"
        let server = try await Server.start(store: store, options: ServerOptions(socketPath: socket))
        let answer: Result<[UInt8], any Error>
        do {
            answer = .success(try await drive(socket))
        } catch {
            answer = .failure(error)
        }
        await server.stop()
        return try answer.get()
    }

    private static func drive(_ socket: String) async throws -> [UInt8] {
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
