// Owns: the files of this repository, as the rules see them.

import ChildProcesses
import Foundation

/// A text file: its path from the top, and its lines.
struct TextFile: CustomStringConvertible {
    let path: String
    let text: String

    var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
    var description: String { path }

    /// `SegmentLog` for `Sources/SegmentLog/Block.swift`.
    var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }
}

enum Repository {
    static let top = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// What git keeps, or will with the next `git add`.
    static let paths: [String] = {
        let git = Process()
        let output = Pipe()
        git.executableURL = URL(filePath: "/usr/bin/env")
        // The checkout of a build machine may belong to someone else; to list it is no risk.
        git.arguments = [
            "git", "-c", "safe.directory=*", "-C", top.path, "ls-files", "--cached", "--others", "--exclude-standard",
        ]
        git.standardOutput = output
        do { try git.start() } catch { return [] }
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        git.waitForEnd()
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }()

    static let files: [TextFile] = paths.compactMap(file)

    static func sources(_ suffixes: String...) -> [TextFile] {
        files.filter { file in file.path.hasPrefix("Sources/") && suffixes.contains { file.path.hasSuffix($0) } }
    }

    static func file(_ path: String) -> TextFile? {
        guard let data = try? Data(contentsOf: top.appending(path: path)),
            let text = String(validating: data, as: UTF8.self)
        else { return nil }
        return TextFile(path: path, text: text)
    }
}
