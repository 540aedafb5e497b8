import Testing

@Suite("House rules of files")
struct FileRuleTests {
    @Test("no source file is longer than 400 lines")
    func length() {
        #expect(Repository.sources(".swift").flatMap(FileRules.length) == [])
        #expect(FileRules.length(swift(String(repeating: "\n", count: 400))) == [])
        #expect(FileRules.length(swift(String(repeating: "\n", count: 401))).count == 1)
    }

    @Test("every source file opens with what it owns, every file in C with a comment")
    func opening() {
        #expect(Repository.sources(".swift", ".c", ".cpp", ".h", ".hpp").flatMap(FileRules.opening) == [])
        #expect(FileRules.opening(swift("import Disk\n// Owns: too late.\n")).count == 1)
        #expect(FileRules.opening(swift("// A comment.\n")).count == 1)
        #expect(FileRules.opening(TextFile(path: "Sources/CLua/a.c", text: "#include <lua.h>\n")).count == 1)
    }

    @Test("every unchecked Sendable and every unsafe says because")
    func because() {
        #expect(Repository.sources(".swift").flatMap(FileRules.because) == [])
        let unchecked = "final class A: @unchecked Sendable {}"
        #expect(FileRules.because(swift("/// `@unchecked Sendable` because of a lock.\n" + unchecked)) == [])
        #expect(FileRules.because(swift(unchecked)).count == 1)
        #expect(FileRules.because(swift("nonisolated(unsafe) var a = 0")).count == 1)
    }

    @Test("no lock guards a function that has no structure around it")
    func guardedFunctions() {
        #expect(Repository.sources(".swift").flatMap(FileRules.guardedFunctions) == [])
        #expect(FileRules.guardedFunctions(swift("let told = Mutex<[Int: () -> " + "Void]>([:])")) == [])
        #expect(FileRules.guardedFunctions(swift("let done = Mutex<(() -> " + "Void)?>(nil)")).count == 1)
        #expect(FileRules.guardedFunctions(swift("let done: Monitor<(@Sendable () -> " + "Void)?>")).count == 1)
    }

    @Test("a test's time limit ends hangs, and nothing else")
    func timeLimits() {
        #expect(Repository.sources(".swift").flatMap(FileRules.timeLimits) == [])
        #expect(FileRules.timeLimits(swift("@Suite(.timeLimit(.minutes" + "(2)))")).count == 1)
        #expect(FileRules.timeLimits(swift("@Suite(.timeLimit(.minutes" + "(15)))")).count == 1)
        #expect(FileRules.timeLimits(swift("@Suite(.timeLimit(.minutes" + "(20)))")) == [])
    }

    @Test("nothing is left to do, and no path of a machine is written down")
    func leftovers() {
        #expect(Repository.files.flatMap(FileRules.leftovers) == [])
        #expect(FileRules.leftovers(swift("// TO" + "DO: later")).count == 1)
        #expect(FileRules.leftovers(swift("let path = \"/home" + "/someone\"")).count == 1)
    }

    @Test("the manifest switches no safety off")
    func manifest() throws {
        #expect(FileRules.manifest(try #require(Repository.file("Package.swift"))) == [])
        #expect(FileRules.manifest(swift(".unsafe" + "Flags([\"-O" + "unchecked\"])")).count == 2)
    }

    @Test("the top level holds what a newcomer expects, and nothing else")
    func topLevel() {
        #expect(Repository.paths.contains("Package.swift"))
        #expect(FileRules.topLevel(Repository.paths) == [])
        #expect(FileRules.topLevel(["notes.txt", "Sources/A/a.swift", ".gitignore"]) == ["notes.txt"])
    }

    private func swift(_ text: String) -> TextFile {
        TextFile(path: "Sources/Disk/A.swift", text: text)
    }
}
