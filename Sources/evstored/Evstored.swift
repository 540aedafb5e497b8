// Owns: the program: flags, and the composition of everything below.

import ArgumentParser
import CMalloc
import Glibc
import Logging
import ProcessText

struct Evstored: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evstored",
        abstract: "The event store daemon.",
        discussion: """
            Runs in the foreground and logs to standard error. Flags count over EVSTORED_* environment variables, these
            over the configuration file: EVSTORED_SEGMENT_BYTES is segment.bytes of the file, and so with every setting;
            EVSTORED_CONFIG is --config. SIGTERM stops it, SIGHUP reloads access, reducers and projections.

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

    @Flag(help: "Look through the configuration and the reducers, say what is wrong with them, and start nothing.")
    var checkConfig = false

    /// Runs the process with its own arguments.
    static func runProcess() async {
        do {
            await main(try ProcessText.arguments())
        } catch {
            bootstrapLogger([:]).error("\(error)")
            Glibc.exit(ExitStatus.usage.rawValue)
        }
    }

    func run() async throws {
        // With an arena each, what one thread frees another cannot use, and a daemon whose threads hand blocks to each other
        // grows by half; they meet too rarely in the allocator to be in each other's way.
        cmalloc_share_one_arena()
        let environment: [String: String]
        do {
            environment = try ProcessText.environment(read: Self.isRead)
        } catch {
            Self.bootstrapLogger([:]).error("\(error)")
            throw ExitCode(ExitStatus.configuration.rawValue)
        }
        let load = { @Sendable () throws(Configuration.Mistake) in
            try Configuration.load(file: config, dataDirectory: dataDir, socket: socket, environment: environment)
        }
        let configuration: Configuration
        do {
            configuration = try load()
        } catch {
            Self.bootstrapLogger(environment).error("\(error)")
            throw ExitCode(ExitStatus.configuration.rawValue)
        }
        let level = Logger.Level(rawValue: configuration.logLevel) ?? .info
        let logger = Logger(label: "evstored") { _ in StandardErrorLog(level: level, environment: environment) }
        if let warning = configuration.foreignVariableWarning { logger.warning("\(warning)") }
        if checkConfig { throw ExitCode(ConfigurationCheck(configuration).run(logger).rawValue) }
        let daemon = Daemon(manager: ServiceManager(environment: environment), logger: logger, load: load)
        throw ExitCode(await daemon.run(configuration).rawValue)
    }

    /// For what is said before the configuration says how to log.
    private static func bootstrapLogger(_ environment: [String: String]) -> Logger {
        Logger(label: "evstored") { _ in StandardErrorLog(level: .info, environment: environment) }
    }

    /// Whether the daemon looks at an environment variable: its own settings, and what the service manager says.
    private static func isRead(_ variable: String) -> Bool {
        ["EVSTORED_", "LISTEN_", "WATCHDOG_"].contains(where: variable.hasPrefix)
            || ["NOTIFY_SOCKET", "JOURNAL_STREAM"].contains(variable)
    }
}
