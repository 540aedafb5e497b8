// Owns: `evctl time`: what TIMEs mean, without a store.

import ArgumentParser
import EventModel

struct TimeCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "time",
        abstract: "Print which moments TIMEs mean: in UTC, in the local zone, and in seconds since the epoch.",
        discussion: """
            TIME is \(TimeWord.forms). A number alone is seconds, whatever its length. A date alone is its midnight, a clock \
            alone is today's. Units are \(TimeSpan.units); m is a minute, M a month of 30.44 days, y a year of 365.25 days. \
            Words and zones may stand in capitals, a comma before a fraction, a weekday before its date.

            Where there is no offset and no zone, the zone is that of TZ, else of /etc/localtime; --utc is UTC. A local time \
            that comes twice, as when clocks are set back, is the earlier of the two. One that does not come, as when clocks \
            are set forward, is read by the offset before the change: 02:30 between 02:00 and 03:00 is 03:30.

            --at and --until are one bound with two names, and inclusive, as --since is. What lies beyond all times \
            (1677-09-21 to 2262-04-11) is no bound there; as the time of an event it is refused.
            """
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions

    @Argument(help: "What to read; without any, one from each line of standard input. Write -- before -1h.")
    var times: [String] = []

    func run(in invocation: Invocation) async throws {
        let zone = try global.zone(invocation)
        let database = ZoneDatabase(environment: invocation.environment)
        let grammar = TimeGrammar(now: invocation.now, database: database) { () throws(TimeFault) in zone }
        let output = StandardOutput()
        // What could be read is printed, whatever comes next.
        defer { try? output.flush() }
        for time in times {
            let moment = try grammar.moment(time, for: "TIME")
            try output.write { append(moment, in: zone, to: &$0) }
        }
        if times.isEmpty { try await readLines(grammar, zone, output) }
        try output.flush()
    }

    private func readLines(_ grammar: TimeGrammar, _ zone: Zone, _ output: StandardOutput) async throws {
        var reader = LineReader(.standardInput, maximumLineBytes: 64 << 10)
        while true {
            switch try reader.next() {
            case .line(let line):
                guard let text = String(validating: line, as: UTF8.self) else {
                    throw Failure(.usage, "line \(reader.position.lines) is not UTF-8")
                }
                let moment = try grammar.moment(text, for: "line \(reader.position.lines)")
                try output.write { append(moment, in: zone, to: &$0) }
            case .overlong: throw Failure(.usage, "line \(reader.position.lines + 1) is too long to be a TIME")
            case .pause: try output.flush()
            case .end: return
            }
        }
    }

    private func append(_ moment: Timestamp, in zone: Zone, to bytes: inout [UInt8]) {
        let (utc, local) = (moment.rfc3339(in: .utc), moment.rfc3339(in: zone))
        if global.isJSON {
            bytes.append(#"{"seconds":"#)
            bytes.append(moment, as: global.times)
            bytes += #","utc":"\#(utc)","local":"\#(local)"}"#.utf8
        } else {
            bytes += "\(utc)  \(local)  \(moment)".utf8
        }
        bytes.append(UInt8(ascii: "\n"))
    }
}
