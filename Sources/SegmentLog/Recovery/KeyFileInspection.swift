// Owns: taking the key files of a directory for what they are. One that says the same as its segment is taken; one that does not
// is made anew, when there is time; one without a segment is left over. None is a reason to stop.

internal import Disk

struct KeyFileInspection {
    private let disk: any Disk
    private let directory: LogDirectory
    private let cache: BlockCache

    init(_ disk: any Disk, _ directory: LogDirectory, _ cache: BlockCache) {
        self.disk = disk
        self.directory = directory
        self.cache = cache
    }

    /// Gives the raw segments of a log that is opened to be written to the key files among these names; the newest is not closed,
    /// or about to be found so.
    func run(
        _ names: [String],
        _ segments: [RawSegment],
        _ access: OpenMode
    ) -> (leftovers: [String], notes: [String]) {
        var (leftovers, notes): ([String], [String]) = ([], [])
        for base in names.compactMap({ LogDirectory.base(of: $0, suffix: LogDirectory.keysSuffix) }) {
            let path = directory.keys(base)
            guard let segment = segments.first(where: { $0.base == base }) else {
                leftovers.append(path)
                continue
            }
            if access == .readWrite, segment !== segments.last, let note = attach(path, to: segment) {
                notes.append(note)
            }
        }
        return (leftovers, notes)
    }

    /// Returns what there is to say of a file that is not taken.
    private func attach(_ path: String, to segment: RawSegment) -> String? {
        guard let account = segment.account else { return nil }
        do throws(LogError) {
            let file = try onDisk { () throws(DiskError) in try disk.open(path, .read) }
            if let keys = try KeyFile(file, of: segment.header, account, cache: cache), try segment.attach(keys) {
                return nil
            }
            return "\(path) is not the index of its segment, and is made anew"
        } catch {
            return "\(path) is made anew: \(error)"
        }
    }
}
