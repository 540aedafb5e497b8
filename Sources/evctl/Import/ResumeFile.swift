// Owns: the file that remembers an import: how many lines are done, of which input, into which store, and the number that
// the ids of its events are made from. It is replaced as a whole, so that a crash leaves the old record or the new one and
// never half of either.

import EventModel
import EventNDJSON
import Glibc

struct ResumeRecord: Equatable {
    /// The store that the lines are in.
    let store: String
    let identity: ImportIdentity
    /// Behind the lines that are done: at least these are in the store.
    var done = InputPosition()
}

struct ResumeFile {
    let path: String

    /// What an earlier run has left; nil where there was none.
    func record() throws(Failure) -> ResumeRecord? {
        guard access(path, F_OK) == 0 else { return nil }
        let text = try Descriptor(reading: path).readAll()
        guard let members = try? JSONValue.object(text),
            let lines = members["lines"].flatMap(JSONValue.unsigned),
            let fingerprint = members["fingerprint"].flatMap(JSONValue.unsigned),
            let identity = members["identity"].flatMap({ try? JSONValue.string($0) }).flatMap({ EventUUID($0) }),
            let store = members["store_uuid"].flatMap({ try? JSONValue.string($0) })
        else { throw Failure(.error, "\(path) is no resume file; expected what an earlier import has written there") }
        let done = InputPosition(lines: lines, fingerprint: Fingerprint(value: fingerprint))
        return ResumeRecord(store: store, identity: ImportIdentity(identity), done: done)
    }

    /// Returns once the record is durable.
    func write(_ record: ResumeRecord) throws {
        let json = JSONObjectWriter.object { json in
            json.number("lines", record.done.lines)
            json.number("fingerprint", record.done.fingerprint.value)
            json.text("identity", record.identity.uuid.description)
            json.text("store_uuid", record.store)
        }
        try replace(json + [UInt8(ascii: "\n")])
    }

    private func replace(_ bytes: [UInt8]) throws {
        let temporary = path + ".new"
        let number = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard number >= 0 else { throw Failure(.error, "cannot write \(temporary): \(Descriptor.lastReason)") }
        do {
            defer { close(number) }
            try Descriptor(number).write(bytes)
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
