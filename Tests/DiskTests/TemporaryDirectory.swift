// Owns: a directory on the real file system that is gone when the test is over, with the files and the empty directories
// in it.

import Disk
import Glibc

final class TemporaryDirectory: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/evstore-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { preconditionFailure("mkdtemp: errno \(errno)") }
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    deinit {
        for name in (try? PosixDisk().names(in: path)) ?? [] { _ = Glibc.remove("\(path)/\(name)") }
        rmdir(path)
    }
}
