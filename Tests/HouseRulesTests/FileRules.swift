// Owns: the rules that a single file keeps. Each returns what is wrong, in words; nothing for a good file.

enum FileRules {
    static let maximumLines = 400

    static func length(_ file: TextFile) -> [String] {
        let count = file.lines.count - (file.text.hasSuffix("\n") ? 1 : 0)
        return count > maximumLines ? ["\(file.path): \(count) lines; \(maximumLines) are enough for one idea"] : []
    }

    /// A file says first what it owns; a file in C just says what it is.
    static func opening(_ file: TextFile) -> [String] {
        let comment = file.lines.prefix { $0.hasPrefix("//") }
        if file.path.hasSuffix(".swift") {
            return comment.contains { $0.contains("Owns") } ? [] : ["\(file.path): does not open with what it owns"]
        }
        return comment.isEmpty && !file.text.hasPrefix("/*") ? ["\(file.path): does not open with a comment"] : []
    }

    /// Where the compiler is told to trust us, a reader is told why: "because", there or within eight lines before.
    static func because(_ file: TextFile) -> [String] {
        let lines = file.lines
        return lines.indices.compactMap { index in
            guard lines[index].contains("nsafe") || lines[index].contains("@unchecked") else { return nil }
            let code = lines[index].prefix(upTo: lines[index].firstRange(of: "//")?.lowerBound ?? lines[index].endIndex)
            guard code.contains(/@unchecked Sendable|\(unsafe\)|\bunsafe |unsafeBitCast|unsafeDowncast/) else {
                return nil
            }
            let hasReason = lines[max(0, index - 8)...index].contains { $0.contains("because") }
            return hasReason ? nil : "\(file.path):\(index + 1): unsafe, without a because"
        }
    }

    /// A function that is itself what a lock guards is wrapped once more whenever it is looked at, since what is passed
    /// through a generic parameter and back changes its calling convention each way: it grows for ever, and its calls with it. It
    /// belongs in a structure.
    static func guardedFunctions(_ file: TextFile) -> [String] {
        guard file.text.contains("Mutex<") || file.text.contains("Monitor<") else { return [] }
        return file.lines.indices.compactMap { index in
            guard file.lines[index].contains("->"), file.lines[index].contains(/(Mutex|Monitor)<[^\[{]*->/) else {
                return nil
            }
            return "\(file.path):\(index + 1): a function is guarded without a structure around it"
        }
    }

    /// All tests are in flight at once, and a test's time runs while it waits for a thread: a limit is there to end a hang, and a
    /// short one ends what is well on a slow machine.
    static func timeLimits(_ file: TextFile) -> [String] {
        file.lines.indices.filter { file.lines[$0].contains(/timeLimit\(\.minutes\(1?\d\)\)/) }.map {
            "\(file.path):\($0 + 1): a time limit below 20 minutes"
        }
    }

    /// Work left undone belongs into the tracker, and paths of the author's machine nowhere. Spelt so as not to find
    /// itself.
    static func leftovers(_ file: TextFile) -> [String] {
        let words = ["TO" + "DO", "FIX" + "ME", "XX" + "X:"]
        let folders = ["home", "root", "Users", "work"].map { "/\($0)" + "/" }
        return (words + folders).filter(file.text.contains).map { "\(file.path): holds \($0)" }
    }

    static func manifest(_ file: TextFile) -> [String] {
        ["unsafe" + "Flags", "-O" + "unchecked"].filter(file.text.contains).map { "\(file.path): holds \($0)" }
    }

    static func topLevel(_ paths: [String]) -> [String] {
        let names = Set(paths.map { String($0.prefix { $0 != "/" }) }.filter { !$0.hasPrefix(".") })
        return names.subtracting(["Package.swift", "Sources", "Tests", "config", "systemd", "README.md"]).sorted()
    }
}
