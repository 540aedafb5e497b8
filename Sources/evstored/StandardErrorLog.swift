// Owns: how the daemon logs: one line an entry on standard error, with the priority prefix of sd-daemon(3) where the
// journal reads it.

import EventModel
import Glibc
import Logging

struct StandardErrorLog: LogHandler {
    var metadata = Logger.Metadata()
    var logLevel: Logger.Level
    private let isJournal: Bool

    init(level: Logger.Level, environment: [String: String]) {
        logLevel = level
        // JOURNAL_STREAM names the device and inode of the stream that the journal reads.
        var status = stat()
        isJournal =
            fstat(STDERR_FILENO, &status) == 0 && environment["JOURNAL_STREAM"] == "\(status.st_dev):\(status.st_ino)"
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let priority =
            switch event.level {
            case .trace, .debug: 7
            case .info: 6
            case .notice: 5
            case .warning: 4
            case .error: 3
            case .critical: 2
            }
        let prefix = isJournal ? "<\(priority)>" : "evstored: \(event.level): "
        // Whatever a message quotes, of a client or of a reducer, it is one line and steers no terminal.
        let line = prefix + event.message.description.visibleOnOneLine + "\n"
        // One write, so that lines of two threads do not mix.
        _ = write(STDERR_FILENO, line, line.utf8.count)
    }
}
