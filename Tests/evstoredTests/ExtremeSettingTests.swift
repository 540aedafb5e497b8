// Owns: the promises about numbers in the configuration and the environment: each is taken or named, and whatever is taken
// works.

import EventModel
import EventStoreClient
import Foundation
import Testing

@testable import evstored

@Suite(.timeLimit(.minutes(20))) struct ExtremeSettingTests {
    private static let numbers = [
        "0", "1", "2147483647", "2147483649", "4294967295", "4294967297", "9007199254740993", "9223372036854775807",
        "9223372036854775808", "18446744073709551615", "18446744073709551616", "-1", "-9223372036854775808",
        "1000000000000000000000000000000", "1e308", "1.5", "nan", ".inf", "0x7f", "0o777", "7_7",
    ]

    /// What a setting that is a number may be.
    private static func bounds(of setting: Setting) -> (least: String, greatest: String)? {
        let words = setting.expected.split(separator: " ").map(String.init)
        return words.starts(with: ["an", "integer", "from"]) ? (words[3], words[5]) : nil
    }

    @Test("Every number for every setting is taken, or is a mistake that names its place", arguments: numbers)
    func everySetting(number: String) throws {
        let directory = TemporaryDirectory()
        for setting in Setting.all {
            let levels = setting.key.split(separator: ".")
            let yaml = levels.count == 2 ? "\(levels[0]):\n  \(levels[1]): \(number)\n" : "\(levels[0]): \(number)\n"
            try directory.write(yaml, to: "evstored.yaml")
            try directory.write("", to: "empty.yaml")
            for (file, environment, place) in [
                ("evstored.yaml", [:], setting.key), ("empty.yaml", [setting.variable: number], setting.variable),
            ] {
                do throws(Configuration.Mistake) {
                    _ = try Configuration.load(
                        file: directory.path + "/" + file,
                        dataDirectory: nil,
                        socket: nil,
                        environment: environment
                    )
                } catch {
                    #expect(error.description.contains(place), "\(number): \(error)")
                }
            }
        }
    }

    @Test("A daemon whose numbers are all the least, or all the greatest, works", arguments: [false, true])
    func everyBound(isGreatest: Bool) async throws {
        // What takes so much of the disk, or keeps so much of it free, that the machine would notice.
        let costly: Set = ["segment.bytes", "segment.spare_files", "disk.reserve_files", "disk.keep_free_bytes"]
        var environment: [String: String] = [:]
        for setting in Setting.all where !costly.contains(setting.key) {
            if let bounds = Self.bounds(of: setting) {
                environment[setting.variable] = isGreatest ? bounds.greatest : bounds.least
            }
        }
        #expect(environment.count > 25)
        let daemon = try DaemonProcess(yaml: "projections: [count]\n")
        try daemon.directory.write(
            "return { reduce = function(s, e) s.count = (s.count or 0) + 1 return s end }",
            to: "reducers/count.lua"
        )
        environment["EVSTORED_REDUCERS_DIRECTORY"] = daemon.directory.path + "/reducers"
        try daemon.start(environment: environment)
        let client = try await daemon.connect()
        for number in 1...3 {
            #expect(
                try await client.append(NewEvent(category: "c", aggregateID: "a", eventType: "t"))
                    == EventID(UInt64(number))
            )
        }
        #expect(try await client.read().count == 3)
        #expect(
            String(decoding: try await client.state(of: "a", reducer: "count"), as: UTF8.self).contains(#""count":3"#)
        )
        _ = try await client.roll()
        _ = try await client.snapshot()
        _ = try await client.compact()
        _ = try await client.verify()
        await client.close()
        #expect(daemon.terminate() == 0, "\(daemon.log)")
    }

    @Test("No number of the service manager's is any trouble", arguments: numbers)
    func serviceManager(number: String) {
        let manager = ServiceManager(
            environment: ["WATCHDOG_USEC": number, "LISTEN_FDS": number, "LISTEN_PID": number, "WATCHDOG_PID": number]
        )
        #expect(manager.listeningDescriptor == nil)
        if let interval = ServiceManager(environment: ["WATCHDOG_USEC": number]).watchdogIntervalMilliseconds {
            #expect(interval > 0)
        }
    }
}
