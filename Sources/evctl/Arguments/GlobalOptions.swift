// Owns: the flags that every command takes, and what follows from them: which daemon, which form, which zone.

import ArgumentParser
import EventModel
import EventStoreClient

enum OutputForm: String, ExpressibleByArgument, CaseIterable {
    case short
    case json
    case jsonPretty = "json-pretty"
    case wide
}

/// How JSON has times: as the interface's numbers, or as strings of the same digits, for readers whose numbers are doubles.
enum TimesForm: String, ExpressibleByArgument, CaseIterable {
    case number
    case string
}

struct GlobalOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "The daemon's socket (environment: EVCTL_SOCKET; default: \(Self.defaultSocket)).",
            valueName: "path"
        )
    )
    var socket: String?

    @Option(name: .shortAndLong, help: "How to print.")
    var output: OutputForm = .short

    @Flag(name: .shortAndLong, help: "Print results and errors only.")
    var quiet = false

    @Flag(help: "Print long listings straight to the terminal.")
    var noPager = false

    @Flag(help: "Read and print times in UTC instead of the local zone.")
    var utc = false

    @Option(
        help: ArgumentHelp(
            "How JSON has the times of stored events; as a string all digits outlive programs that round numbers, such as jq."
        )
    )
    var times: TimesForm = .number

    static let defaultSocket = "/run/evstored.sock"

    var isJSON: Bool {
        output == .json || output == .jsonPretty
    }

    func socketPath(in invocation: Invocation) -> String {
        socket ?? invocation.environment("EVCTL_SOCKET") ?? Self.defaultSocket
    }

    /// Connects, and waits a while for a daemon that is recovering its store; not where the daemon itself is asked about.
    /// Positions belong to `store`, where that is given.
    func connect(
        _ invocation: Invocation,
        _ store: EventUUID? = nil,
        waitingForStore: Bool = true
    ) async throws(ClientError) -> EventStoreClient {
        var configuration = EventStoreClient.Configuration(socketPath: socketPath(in: invocation))
        configuration.store = store
        if !waitingForStore { configuration.recoveryTimeoutMilliseconds = nil }
        return try await EventStoreClient.connect(configuration)
    }

    func grammar(_ invocation: Invocation) -> TimeGrammar {
        let database = ZoneDatabase(environment: invocation.environment)
        return TimeGrammar(now: invocation.now, database: database) { [utc] () throws(TimeFault) in
            utc ? .utc : .rules(try database.local())
        }
    }

    /// The zone in which times are printed.
    func zone(_ invocation: Invocation) throws(Failure) -> Zone {
        guard !utc else { return .utc }
        do {
            return .rules(try ZoneDatabase(environment: invocation.environment).local())
        } catch {
            throw Failure(.usage, "\(error.rule); --utc does without it")
        }
    }

    /// Whether a progress line may be drawn.
    func showsProgress(_ invocation: Invocation) -> Bool {
        invocation.terminal.isError && !quiet
    }

    /// Prints one JSON value: on one line, or laid out where that is asked for or where people read it.
    func print(json: [UInt8], in invocation: Invocation) throws {
        let isLaidOut =
            switch output {
            case .json: false
            case .jsonPretty, .wide: true
            case .short: invocation.terminal.isOutput
            }
        var line: [UInt8] = []
        line.append(jsonOnOneLine: json)
        try StandardOutput().print(json: isLaidOut ? JSONIndenter.indented(line) : line, on: invocation.terminal)
    }
}
