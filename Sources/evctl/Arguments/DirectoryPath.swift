// Owns: what a directory on the command line stands for: an absolute path without links in it, so that two can be compared.

import Glibc

enum DirectoryPath {
    static func existing(_ path: String) throws(Failure) -> String {
        guard let resolved = try resolved(path) else {
            throw Failure(errno == ENOENT ? .notFound : .error, "\(path): \(Descriptor.lastReason)")
        }
        return resolved
    }

    /// Of one that may be made; what it is to stand in must be there.
    static func new(_ path: String) throws(Failure) -> String {
        if let resolved = try resolved(path) { return resolved }
        var trimmed = path[...]
        while trimmed.count > 1, trimmed.last == "/" { trimmed.removeLast() }
        let slash = trimmed.lastIndex(of: "/")
        let parent = slash.map { trimmed[..<$0].isEmpty ? "/" : String(trimmed[..<$0]) } ?? "."
        let name = slash.map { trimmed[trimmed.index(after: $0)...] } ?? trimmed
        let directory = try existing(parent)
        return directory == "/" ? "/\(name)" : "\(directory)/\(name)"
    }

    /// Nil where there is none, with the reason in `errno`.
    private static func resolved(_ path: String) throws(Failure) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        guard let text = String(validatingCString: resolved) else {
            throw Failure(.usage, "\(path): the directory that it leads to has a name that is not UTF-8")
        }
        return text
    }
}
