import EventModel
import EventWire
import Glibc
import Testing

@testable import evctl

@Suite("The commands of a load")
struct CommandCycleTests {
    /// The commands in some bytes, as words.
    private func decoded(_ bytes: ArraySlice<UInt8>) throws -> [[String]] {
        var decoder = RESPDecoder()
        var (commands, rest) = ([[String]](), bytes)
        while !rest.isEmpty {
            let used = try rest.withUnsafeBytes { bytes -> Int in
                guard case .command(let words, let consumed) = try decoder.next(bytes) else { return bytes.count }
                commands.append((0..<words.count).map { String(decoding: words[$0], as: UTF8.self) })
                return consumed
            }
            rest = rest.dropFirst(used)
        }
        return commands
    }

    /// Everything that a cycle gives, so many units at a time.
    private func commands(
        _ cycle: CommandCycle,
        _ numbers: AggregateNumbers,
        units: Int,
        at once: Int
    ) throws -> [[String]] {
        var (cycle, numbers, commands, taken) = (cycle, numbers, [[String]](), 0)
        while taken < units {
            let (count, range) = cycle.take(min(once, units - taken), &numbers)
            commands += try decoded(cycle.bytes[range])
            taken += count
        }
        return commands
    }

    private func appends(_ names: AggregateNames, plan: LoadPlan, batch: Int = 1) throws -> Work {
        var source = EventSource(seed: 1, aggregates: 4)
        return Work.appends(names, plan: plan, batch: batch, source: &source)
    }

    @Test("of an append are what the generator makes up, and each aggregate of a category gets as many of them")
    func inTurn() throws {
        let names = AggregateNames(category: nil, aggregates: 28)
        let work = try appends(names, plan: LoadPlan(units: 50))
        let numbers = AggregateNumbers(names, .inTurn, share: 0, of: 1)
        let commands = try commands(work.cycles[0], numbers, units: 700, at: 7)
        #expect(commands.count == 700 && work.repliesPerUnit == 1)
        var counts: [String: [String: Int]] = [:]
        for words in commands {
            #expect(words.count == 5 && words[0] == "EV.APPEND" && words[2].hasPrefix(words[1] + "-"))
            counts[words[1], default: [:]][words[2], default: 0] += 1
        }
        #expect(counts.count == 4)
        for (category, counts) in counts {
            #expect(Set(counts.keys) == Set((0..<7).map { "\(category)-00000\($0)" }))
            #expect(counts.values.max()! - counts.values.min()! <= 1, "\(category)")
        }
    }

    @Test("are about one category where that is asked for, though its name look like an aggregate's")
    func category() throws {
        let names = AggregateNames(category: "x-000000", aggregates: 1_000_001)
        let work = try appends(names, plan: LoadPlan(units: 3))
        let numbers = AggregateNumbers(names, .inTurn, share: 0, of: 1)
        let commands = try commands(work.cycles[0], numbers, units: 9, at: 2)
        #expect(commands.map { $0[1] } == Array(repeating: "x-000000", count: 9))
        #expect(commands.map { $0[2] } == (0..<9).map { "x-000000-000000\($0)" })
    }

    @Test("are dealt to threads so that together they are about every aggregate in turn")
    func shares() {
        for things in 10...12 as ClosedRange<UInt64> {
            let names = AggregateNames(category: "c", aggregates: things)
            var seen: [UInt64] = []
            for share in 0..<3 {
                var numbers = AggregateNumbers(names, .inTurn, share: share, of: 3)
                for _ in 0..<things { seen.append(numbers.next(0)) }
            }
            for number in 0..<things { #expect(seen.count { $0 == number } == 3, "\(number) of \(things)") }
        }
    }

    @Test("of a batch are one transaction, answered by two replies more than it has events")
    func batch() throws {
        let names = AggregateNames(category: "c", aggregates: 10)
        let work = try appends(names, plan: LoadPlan(units: 2), batch: 3)
        let numbers = AggregateNumbers(names, .inTurn, share: 0, of: 1)
        let commands = try commands(work.cycles[0], numbers, units: 2, at: 1)
        let transaction = ["MULTI", "EV.APPEND", "EV.APPEND", "EV.APPEND", "EXEC"]
        #expect(commands.map { $0[0] } == transaction + transaction)
        #expect(work.repliesPerUnit == 5)
    }

    @Test("of reads and states ask for any of the aggregates, of each category as often")
    func questions() throws {
        let names = AggregateNames(category: nil, aggregates: 40)
        let plan = LoadPlan(pipeline: 3)
        let numbers = AggregateNumbers(names, .atRandom(seed: 1), share: 0, of: 1)
        let reads = try commands(Work.reads(names, plan: plan).cycles[0], numbers, units: 1000, at: 3)
        #expect(Set(reads.map { $0[..<2] }) == [["EV.READ", "AGGREGATE"]])
        #expect(Set(reads.map { $0[2] }).count == 40)
        for category in names.categories { #expect(reads.count { $0[2].hasPrefix(category) } == 250) }
        let moment = Timestamp(nanoseconds: 5_000_000_000)
        let state = Work.states(names, plan: plan, reducer: "r", at: moment).cycles[0]
        let words = try commands(state, numbers, units: 1, at: 1)[0]
        #expect(words.count == 6 && words[0] == "EV.STATE" && words[2...] == ["REDUCER", "r", "AT", "5"])
    }

    @Test("stay within their memory, however many are to be sent")
    func memory() throws {
        let names = AggregateNames(category: "c", aggregates: 4)
        let path = try file(#"{"text":"\#(String(repeating: "x", count: 100_000))"}"#)
        defer { unlink(path) }
        var source = try EventSource(file: path)
        let work = Work.appends(names, plan: LoadPlan(clients: 4), batch: 1, source: &source)
        let bytes = work.cycles.reduce(0) { $0 + $1.bytes.count }
        #expect((CommandCycle.totalBytes...CommandCycle.totalBytes + 4 * 101_000).contains(bytes))
    }

    @Test("take the objects of a file in turn, one a line or a single one over many")
    func payload() throws {
        func data(_ text: String, _ count: Int) throws -> [String] {
            let path = try file(text)
            defer { unlink(path) }
            var source = try EventSource(file: path)
            let names = AggregateNames(category: "c", aggregates: 1)
            return (0..<count).map { _ in String(decoding: source.next(names).data, as: UTF8.self) }
        }
        #expect(try data("{\"a\":1}\n\n \r\n{\"b\":2}\r\n", 3) == ["{\"a\":1}", "{\"b\":2}\r", "{\"a\":1}"])
        #expect(try data("{\"a\":1}\n{\"b\":2}\n", 3) == ["{\"a\":1}", "{\"b\":2}", "{\"a\":1}"])
        #expect(try data("{\n  \"a\": 1\n}\n", 2) == ["{\n  \"a\": 1\n}\n", "{\n  \"a\": 1\n}\n"])
        #expect(throws: Failure.self) { try data("{\"a\":1}\n[2]\n", 1) }
        #expect(throws: Failure.self) { try data("\n", 1) }
    }

    private func file(_ text: String) throws -> String {
        var template = Array("/tmp/evctl-tests-XXXXXX".utf8CString)
        let descriptor = Descriptor(mkstemp(&template))
        defer { close(descriptor.number) }
        try descriptor.write(Array(text.utf8))
        return String(decoding: template.dropLast().map { UInt8($0) }, as: UTF8.self)
    }
}
