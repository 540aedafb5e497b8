// Owns: what a directory on the command line stands for: an absolute path without links in it, so that two can be compared.

import Glibc

enum DirectoryPath {
    static func existing(_ path: String) throws(Failure) -> String {
        guard let resolved = resolved(path) else {
            throw Failure(errno == ENOENT ? .notFound : .error, "\(path): \(Descriptor.lastReason)")
        }
        return resolved
    }

    /// Of one that may be made; what it is to stand in must be there.
    static func new(_ path: String) throws(Failure) -> String {
        if let resolved = resolved(path) { return resolved }
        var trimmed = path[...]
        while trimmed.count > 1, trimmed.last == "/" { trimmed.removeLast() }
        let slash = trimmed.lastIndex(of: "/")
        let parent = slash.map { trimmed[..<$0].isEmpty ? "/" : String(trimmed[..<$0]) } ?? "."
        let name = slash.map { trimmed[trimmed.index(after: $0)...] } ?? trimmed
        let directory = try existing(parent)
        return directory == "/" ? "/\(name)" : "\(directory)/\(name)"
    }

    private static func resolved(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
