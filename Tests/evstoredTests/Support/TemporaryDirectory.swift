// Owns: a directory of a test's own under /tmp, removed when the test lets go of it.

import Foundation

final class TemporaryDirectory: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/evstore-test-XXXXXX".utf8CString)
        precondition(mkdtemp(&template) != nil, "/tmp takes a directory")
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    func write(_ text: String, to name: String) throws {
        let file = "\(path)/\(name)"
        try FileManager.default.createDirectory(
            atPath: String(file[..<file.lastIndex(of: "/")!]),
            withIntermediateDirectories: true
        )
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
    }
}
