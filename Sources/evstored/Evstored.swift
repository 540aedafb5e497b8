// Owns: the program: flags, and the composition of everything below.

import ArgumentParser
import CMalloc
import Foundation
import Logging

@main
struct Evstored: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evstored",
        abstract: "The event store daemon.",
        discussion: """
            Runs in the foreground and logs to standard error. Flags count over EVSTORED_* environment variables, these
            over the configuration file. SIGTERM stops it, SIGHUP reloads reducers and projections.

            Exit status: 0 stopped, 64 usage, 65 corrupt store or unknown format, 69 data directory or socket in use,
            74 I/O error, 78 configuration.
            """,
        version: "evstored 0.2.0"
    )

    @Option(help: "The configuration file; \(Configuration.defaultFile) where it exists.")
    var config: String?

    @Option(help: "The data directory.")
    var dataDir: String?

    @Option(help: "The path of the socket.")
    var socket: String?

    func run() async throws {
        // With an arena each, what one thread frees another cannot use, and a daemon whose threads hand blocks to each other
        // grows by half; they meet too rarely in the allocator to be in each other's way.
        cmalloc_share_one_arena()
        let environment = ProcessInfo.processInfo.environment
        let bootstrap = Logger(label: "evstored") { _ in StandardErrorLog(level: .info, environment: environment) }
        let load = { @Sendable () throws(Configuration.Mistake) in
            try Configuration.load(file: config, dataDirectory: dataDir, socket: socket, environment: environment)
        }
        let configuration: Configuration
        do {
            configuration = try load()
        } catch {
            bootstrap.error("\(error)")
            throw ExitCode(ExitStatus.configuration.rawValue)
        }
        let level = Logger.Level(rawValue: configuration.logLevel) ?? .info
        let logger = Logger(label: "evstored") { _ in StandardErrorLog(level: level, environment: environment) }
        let daemon = Daemon(manager: ServiceManager(environment: environment), logger: logger, reload: load)
        throw ExitCode(await daemon.run(configuration).rawValue)
    }
}
