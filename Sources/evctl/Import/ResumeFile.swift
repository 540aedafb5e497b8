// Owns: the file that remembers how many lines of an import are done. It is replaced as a whole, so that a crash leaves
// the old count or the new one and never half of either.

import Glibc

struct ResumeFile {
    let path: String

    /// The lines that an earlier run has done; none where there is no file yet.
    func lines() throws(Failure) -> UInt64 {
        guard access(path, F_OK) == 0 else { return 0 }
        let text = String(decoding: try Descriptor(reading: path).readAll(), as: UTF8.self)
        guard let lines = UInt64(text.prefix { $0 != "\n" }) else {
            throw Failure(.error, "\(path) holds no number of lines: it is no resume file")
        }
        return lines
    }

    func record(_ lines: UInt64) throws {
        let temporary = path + ".new"
        let number = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard number >= 0 else { throw Failure(.error, "cannot write \(temporary): \(Descriptor.lastReason)") }
        do {
            defer { close(number) }
            try Descriptor(number).write(Array("\(lines)\n".utf8))
            guard fsync(number) == 0 else {
                throw Failure(.error, "cannot sync \(temporary): \(Descriptor.lastReason)")
            }
        }
        guard rename(temporary, path) == 0 else {
            throw Failure(.error, "cannot rename \(temporary): \(Descriptor.lastReason)")
        }
        // The name is durable once its directory is.
        let directory = open(path.lastIndex(of: "/").map { String(path[...$0]) } ?? ".", O_RDONLY | O_CLOEXEC)
        if directory >= 0 {
            fsync(directory)
            close(directory)
        }
    }
}
