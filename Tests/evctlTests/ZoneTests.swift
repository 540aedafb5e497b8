import EventModel
import Glibc
import Testing

@testable import evctl

@Suite("Zones")
struct ZoneTests {
    /// Clocks forward on the last Sunday of March, back on that of October.
    static let berlin = ZoneRules(PosixZone("CET-1CEST,M3.5.0,M10.5.0/3")!)

    static func local(_ text: String) -> Int {
        Timestamp(rfc3339: text + "Z")!.floored.seconds
    }

    static func moment(_ text: String, _ zone: ZoneRules) -> String {
        Timestamp(nanoseconds: Int64(zone.moment(ofLocal: local(text))) * 1_000_000_000).rfc3339
    }

    @Test(
        "a local time that comes twice is the earlier moment, one that never comes is read by the offset before the gap"
    )
    func rule() {
        #expect(Self.moment("2026-10-25T02:30:00", Self.berlin) == "2026-10-25T00:30:00Z")
        #expect(Self.moment("2026-10-25T01:59:59", Self.berlin) == "2026-10-24T23:59:59Z")
        #expect(Self.moment("2026-10-25T03:00:00", Self.berlin) == "2026-10-25T02:00:00Z")
        #expect(Self.moment("2026-03-29T02:30:00", Self.berlin) == "2026-03-29T01:30:00Z")
        #expect(Self.moment("2026-03-29T01:59:59", Self.berlin) == "2026-03-29T00:59:59Z")
        #expect(Self.moment("2026-03-29T03:00:00", Self.berlin) == "2026-03-29T01:00:00Z")
        // In the south, daylight saving spans the turn of the year; half an hour; and at midnight, when no day begins.
        let lordHowe = ZoneRules(PosixZone("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0")!)
        #expect(Self.moment("2026-04-05T01:45:00", lordHowe) == "2026-04-04T14:45:00Z")
        #expect(Self.moment("2026-10-04T02:15:00", lordHowe) == "2026-10-03T15:45:00Z")
        #expect(Self.moment("2027-01-01T00:00:00", lordHowe) == "2026-12-31T13:00:00Z")
        let midnight = ZoneRules(PosixZone("<-03>3<-02>,M10.3.0/0,M2.3.0/0")!)
        #expect(Self.moment("2026-10-18T00:00:00", midnight) == "2026-10-18T03:00:00Z")
        #expect(Self.moment("2026-02-14T23:30:00", midnight) == "2026-02-15T01:30:00Z")
        // In Ireland, it is winter time that is the exception.
        let dublin = ZoneRules(PosixZone("IST-1GMT0,M10.5.0,M3.5.0/1")!)
        #expect(Self.moment("2026-10-25T01:30:00", dublin) == "2026-10-25T00:30:00Z")
        #expect(Self.moment("2026-03-29T01:30:00", dublin) == "2026-03-29T01:30:00Z")
        #expect(Self.moment("2026-01-01T12:00:00", dublin) == "2026-01-01T12:00:00Z")
    }

    @Test("an ambiguous local time means the same moment whatever was asked before")
    func order() throws {
        // Where the C library remembers which side of a change it answered last, the second answer hangs on the first.
        let words = ["2026-07-01 12:00", "2026-01-01 12:00", "2026-03-29 02:30", "2026-10-25 02:30"]
        let grammar = TimeGrammarTests.local
        let alone = try words.map { try grammar.moment($0) }
        for first in words {
            for (word, moment) in zip(words, alone) {
                _ = try grammar.moment(first)
                #expect(try grammar.moment(word) == moment)
            }
        }
        for flags in [["--since", words[0], "--until", words[3]], ["--until", words[3], "--since", words[1]]] {
            var invocation = Invocation(arguments: ["count"] + flags, now: TimeGrammarTests.now)
            invocation.environment = { $0 == "TZ" ? "CET-1CEST,M3.5.0,M10.5.0/3" : nil }
            let command = try #require(try invocation.command() as? CountCommand)
            #expect(try command.filter.filter(command.global, invocation).until?.rfc3339 == "2026-10-25T00:30:00Z")
        }
    }

    @Test(
        "a rule of POSIX is read with all that it may have",
        arguments: [
            ("UTC0", "2026-07-01T12:00:00"), ("EST5", "2026-07-01T17:00:00"), ("<-0330>3:30", "2026-07-01T15:30:00"),
            ("A+1B,M1.1.0,M12.5.0", ""), ("LMT-0:53:28", "2026-07-01T11:06:32"),
            ("AAA-1BBB-3,J1/0,J365/23", "2026-07-01T09:00:00"), ("AAA-1BBB-3,0/0,364/167:59:59", "2026-07-01T09:00:00"),
            // Daylight saving all year, as RFC 8536 has it.
            ("EST5EDT,0/0,J365/25", "2026-07-01T16:00:00"), ("XXX3EDT4,0/0,J365/23", "2026-07-01T16:00:00"),
            ("CET-1CEST", ""), ("CE-1", ""), ("CET", ""), ("CET-25", ""), ("CET-1:60", ""), ("CET-1CEST,M3.5.0", ""),
            ("CET-1CEST,M13.5.0,M10.5.0", ""), ("CET-1CEST,M3.6.0,M10.5.0", ""), ("CET-1CEST,M3.5.7,M10.5.0", ""),
            ("CET-1CEST,J0,J365", ""), ("CET-1CEST,366,1", ""), ("CET-1CEST,M3.5.0/168,M10.5.0", ""),
            ("CET-1CEST,M3.5.0,M10.5.0/3 ", ""), ("<CET-1", ""), ("Europe/Berlin", ""), ("", ""),
        ]
    )
    func posix(text: String, noon: String) {
        let zone = PosixZone(text).map { ZoneRules($0) }
        #expect(zone.map { Self.moment("2026-07-01T12:00:00", $0) } == (noon.isEmpty ? nil : noon + "Z"))
    }

    @Test("a day counted with or without leap days falls where POSIX has it")
    func days() throws {
        let zone = try #require(PosixZone("AAA0BBB,J60/0,59/0"))
        // J60 is 1 March always; day 59 is 29 February in a leap year, 1 March in another.
        let starts = [2024, 2026].map { zone.daylight?.begins.localSeconds(inYear: $0) }
        #expect(starts == [Self.local("2024-03-01T00:00:00"), Self.local("2026-03-01T00:00:00")])
        let ends = [2024, 2026].map { zone.daylight?.ends.localSeconds(inYear: $0) }
        #expect(ends == [Self.local("2024-02-29T00:00:00"), Self.local("2026-03-01T00:00:00")])
    }

    /// A file with one transition in it, and the rule of Berlin after it.
    static func file(version: UInt8 = UInt8(ascii: "2"), leapSeconds: UInt32 = 0, footer: String = "CET-1") -> [UInt8] {
        func bytes(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }
        func block(_ time: some FixedWidthInteger, _ leapSecond: [UInt8]) -> [UInt8] {
            var block = Array("TZif".utf8) + [version] + Array(repeating: 0, count: 15)
            for count in [0, 0, leapSeconds, 1, 2, 8] as [UInt32] { block += bytes(count) }
            block += bytes(time) + [1]
            for (offset, name) in [(3208, 0), (3600, 4)] as [(Int32, UInt8)] { block += bytes(offset) + [0, name] }
            block += "LMT\0CET\0".utf8
            for _ in 0..<leapSeconds { block += leapSecond }
            return block
        }
        let first = block(-100 as Int32, bytes(0 as Int32) + bytes(1 as Int32))
        if version == 0 { return first }
        return first + block(-2_000_000_000 as Int64, bytes(0 as Int64) + bytes(1 as Int32)) + "\n\(footer)\n".utf8
    }

    @Test("a zone file is read in version 1 with its 32 bits, and in later ones with 64")
    func files() throws {
        let old = try ZoneFile.rules(Self.file(version: 0))
        #expect([-101, -100].map(old.offset) == [3208, 3600])
        for version in "234".utf8 {
            let rules = try ZoneFile.rules(Self.file(version: version, footer: "CET-1CEST,M3.5.0,M10.5.0/3"))
            #expect([-2_000_000_001, -2_000_000_000, -100].map(rules.offset) == [3208, 3600, 3600])
            #expect(rules.offset(at: Self.local("2026-07-01T00:00:00")) == 7200)
        }
        // No rule at its end: the last offset stays.
        #expect(try ZoneFile.rules(Self.file(footer: "")).offset(at: 4_000_000_000) == 3600)
    }

    @Test("a file that is cut, or is no zone file, or counts leap seconds is refused and not believed")
    func badFiles() {
        let whole = Self.file()
        for length in whole.indices {
            #expect(throws: ZoneFileFault.self) { try ZoneFile.rules(Array(whole[..<length])) }
        }
        #expect(throws: ZoneFileFault(reason: "it counts leap seconds")) {
            try ZoneFile.rules(Self.file(leapSeconds: 1))
        }
        #expect(throws: ZoneFileFault.self) { try ZoneFile.rules(Self.file(footer: "CET-1CEST")) }
        #expect(throws: ZoneFileFault(reason: "it does not begin with TZif")) {
            try ZoneFile.rules(Array("root:x".utf8))
        }
        // Any byte may be wrong: it is refused or read, and nothing else.
        for index in whole.indices {
            for value in [0x00, 0x7F, 0x80, 0xFF] as [UInt8] {
                var bytes = whole
                bytes[index] = value
                _ = try? ZoneFile.rules(bytes).moment(ofLocal: 1_800_000_000)
            }
        }
    }

    @Test("TZ is a name, a path or a rule, and what it names must be there")
    func variable() throws {
        var template = Array("/tmp/evctl-zones-XXXXXX".utf8CString)
        let folder = String(cString: try #require(mkdtemp(&template)))
        let path = folder + "/Berlin"
        let file = try #require(fopen(path, "w"))
        let bytes = Self.file(footer: "CET-1CEST,M3.5.0,M10.5.0/3")
        fwrite(bytes, 1, bytes.count, file)
        fclose(file)
        defer {
            unlink(path)
            rmdir(folder)
        }
        func offset(_ tz: String?) throws(TimeFault) -> Int {
            let database = ZoneDatabase { name in name == "TZDIR" ? folder : name == "TZ" ? tz : nil }
            return try database.local().offset(at: Self.local("2026-07-01T00:00:00"))
        }
        #expect(try offset("Berlin") == 7200 && offset(":Berlin") == 7200 && offset(path) == 7200)
        #expect(try offset(":" + path) == 7200 && offset("CET-1CEST,M3.5.0,M10.5.0/3") == 7200)
        #expect(try offset("") == 0 && offset(":") == 0 && offset("EST5") == -18_000)
        for name in [
            "Europe/Berln", ":EST5", "CET-1CEST", "../Nowhere", "/no/such/file", folder, "/dev/null", "/dev/zero",
        ] {
            do throws(TimeFault) {
                Issue.record("\(name) is \(try offset(name)) s ahead")
            } catch {
                #expect(error.rule.contains("TZ is “\(name)”"))
            }
        }
    }

    @Test("a TZ that names nothing ends what needs the local zone with an error of usage, and nothing else")
    func brokenVariable() throws {
        func filter(_ flags: String...) throws -> Filter {
            var invocation = Invocation(arguments: ["count"] + flags, now: TimeGrammarTests.now)
            invocation.environment = { $0 == "TZ" ? "Europe/Berln" : nil }
            let command = try #require(try invocation.command() as? CountCommand)
            return try command.filter.filter(command.global, invocation)
        }
        for word in ["2026-03-01 09:00", "today", "09:00"] {
            do {
                _ = try filter("--since", word)
                Issue.record("\(word) was read")
            } catch let failure as Failure {
                #expect(failure.status == .usage && failure.message.contains("TZ is “Europe/Berln”"))
            }
            _ = try filter("--since", word, "--utc")
        }
        _ = try filter("--since", "-1h", "--until", "2026-03-01T09:00:00Z", "--as-of", "5")
    }
}
