// Owns: that the page on faults tells the truth: all fifty rows are there, and what each names as its test exists.

import Foundation
import Testing

@Suite("The page on faults")
struct FaultPageTests {
    private static let page = "Sources/EventStore/EventStore.docc/Faults.md"

    /// The rows: number, and what stands in the last column.
    private static func rows(_ page: String) -> [(number: Int, tests: String)] {
        page.split(separator: "\n").compactMap { line in
            let cells = line.split(separator: "|").map { $0.drop { $0 == " " } }
            guard line.hasPrefix("| "), cells.count == 4, let number = Int(cells[0].filter { $0 != " " }) else {
                return nil
            }
            return (number, String(cells[3]))
        }
    }

    /// What a row names and the repository does not have. Names of tests stand in quotation marks, scripts in code voice.
    private static func missing(_ tests: String, in sources: String, _ paths: Set<String>) -> [String] {
        let names = tests.matches(of: /“([^”]+)”/).map { String($0.1) }
        let scripts = tests.matches(of: /`([a-z]+\.(?:py|sh))`/).map { String($0.1) }
        let unknown =
            names.filter { !sources.contains($0) } + scripts.filter { !paths.contains("Tests/Acceptance/\($0)") }
        return names.isEmpty && scripts.isEmpty ? ["nothing"] : unknown
    }

    @Test("every fault has a row, and every row a test that exists")
    func rows() throws {
        let rows = Self.rows(try #require(Repository.file(Self.page)).text)
        #expect(rows.map(\.number).sorted() == Array(1...50))
        let tests = Repository.files.filter { $0.path.hasPrefix("Tests/") && $0.path.hasSuffix(".swift") }
        // A name counts where it is declared: behind `@Test` or `func`, or on a line of its own behind the former.
        let sources = tests.flatMap(\.lines).filter { $0.contains(/@Test|@Suite|func `|^ *"/) }.joined(separator: "\n")
        let paths = Set(Repository.paths)
        for row in rows { #expect(Self.missing(row.tests, in: sources, paths) == [], "row \(row.number)") }
    }

    @Test("a row that names what does not exist is found")
    func badRows() {
        #expect(Self.missing("“No such” + “test”, `kill.py`", in: "", ["Tests/Acceptance/kill.py"]).count == 2)
        #expect(Self.missing("`kill.py`", in: "", []) == ["kill.py"])
        #expect(Self.missing("somewhere", in: "", []) == ["nothing"])
        #expect(Self.rows("| 7 | a | b | “c” |\n| # | a | b | c |").map(\.number) == [7])
    }
}
