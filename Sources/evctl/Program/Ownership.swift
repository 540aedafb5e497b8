// Owns: whose a data directory is, and who may do what in it; so that a store made by root for a daemon is the daemon's.

import Glibc

/// Owner, group and modes of a store.
struct Ownership {
    private let user: uid_t
    private let group: gid_t
    private let folderMode: mode_t
    private let fileMode: mode_t

    /// As they are of the store in a directory; nil where nobody can tell.
    init?(of directory: String) {
        guard let folder = Self.status(directory) else { return nil }
        user = folder.st_uid
        group = folder.st_gid
        folderMode = folder.st_mode & 0o7777
        // Every store has this file, but for one that is damaged.
        fileMode = Self.status(directory + "/store.json").map { $0.st_mode & 0o777 } ?? 0o600
    }

    /// Gives a directory, and everything in it, what this says. Returns what could not be done, in words; nil where all was.
    func give(to directory: String) -> String? {
        var failure: Int32?
        give(to: directory, &failure)
        return failure.map { error in
            "\(directory) could not be given the owner and the mode of the old store (\(String(cString: strerror(error)))): "
                + "chown -R \(user):\(group) \(directory)"
        }
    }

    private func give(to path: String, _ failure: inout Int32?) {
        guard let status = Self.status(path) else { return failure = errno }
        let isFolder = status.st_mode & S_IFMT == S_IFDIR
        if isFolder {
            for name in Self.names(in: path) { give(to: "\(path)/\(name)", &failure) }
        }
        // The owner first: to change it takes away some bits of the mode.
        if (status.st_uid, status.st_gid) != (user, group), lchown(path, user, group) != 0 { failure = errno }
        if chmod(path, isFolder ? folderMode : fileMode) != 0 { failure = errno }
    }

    private static func status(_ path: String) -> stat? {
        var status = stat()
        return lstat(path, &status) == 0 ? status : nil
    }

    private static func names(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
