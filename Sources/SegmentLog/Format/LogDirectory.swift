// Owns: the names of files and folders in a data directory.

internal import Disk

package struct LogDirectory: Sendable {
    package let data: String

    package init(_ data: String) {
        self.data = data
    }

    /// The directory in which the data directory stands.
    var parent: String {
        let parent = data[..<(data.lastIndex(of: "/") ?? data.startIndex)]
        return parent.isEmpty ? "/" : String(parent)
    }
    package var log: String { "\(data)/log" }
    package var snapshots: String { "\(data)/snapshots" }
    package var quarantine: String { "\(data)/quarantine" }
    package var lock: String { "\(data)/LOCK" }
    package var manifest: String { "\(data)/\(Manifest.name)" }

    static let activeSuffix = ".active"
    static let sealedSuffix = ".segment"
    static let keysSuffix = ".keys"
    static let spareSuffix = ".spare"
    static let temporarySuffix = ".tmp"
    static let tornSuffix = ".torn"

    func active(_ base: RecordID) -> String { "\(log)/\(Self.digits(base))\(Self.activeSuffix)" }
    func sealed(_ base: RecordID) -> String { "\(log)/\(Self.digits(base))\(Self.sealedSuffix)" }
    func keys(_ base: RecordID) -> String { "\(log)/\(Self.digits(base))\(Self.keysSuffix)" }
    func spare(_ number: Int) -> String { "\(log)/\(Self.digits(RecordID(UInt64(number))))\(Self.spareSuffix)" }

    /// The key file that stands beside a raw segment.
    static func keys(besides active: String) -> String { "\(active.dropLast(activeSuffix.count))\(keysSuffix)" }

    /// The part of a path that lies within the data directory.
    package func name(of path: String) -> String {
        path.hasPrefix(data + "/") ? String(path.dropFirst(data.count + 1)) : path
    }

    /// The part of a path that lies within `log/`.
    func nameInLog(_ path: String) -> String {
        path.hasPrefix(log + "/") ? String(path.dropFirst(log.count + 1)) : path
    }

    /// The base in a file's name; nil where the name has another form, or no log comes that far.
    static func base(of name: String, suffix: String) -> RecordID? {
        guard name.hasSuffix(suffix), name.utf8.count == 20 + suffix.utf8.count else { return nil }
        guard let number = UInt64(name.dropLast(suffix.count)) else { return nil }
        let base = RecordID(number)
        return base > .zero && base <= .greatest ? base : nil
    }

    /// The names in `log/`, sorted. One that is missing is refused: it may be a file system that is not mounted.
    func namesOfLog(_ disk: any Disk) throws(LogError) -> [String] {
        do throws(DiskError) {
            return try disk.names(in: log).sorted()
        } catch {
            guard error.isMissing else { throw .disk(error) }
            throw .unreadable(
                path: log,
                reason:
                    "the folder is missing: mount what should be there, or make an empty one to have all of it told as lost"
            )
        }
    }

    private static func digits(_ id: RecordID) -> String {
        let text = String(id.rawValue)
        return String(repeating: "0", count: 20 - text.utf8.count) + text
    }
}
