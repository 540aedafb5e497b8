// Owns: what can go wrong at the door to the file system: which operation, on which path, with which errno.

/// A failed operation of a disk.
package struct DiskError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Operation: String, Sendable {
        case createDirectory = "create directory"
        case list, open, read, write, reserve, sync, rename, remove, lock
        /// What was opened is a folder, a link, or something else that is no file with bytes in it.
        case regularFile = "use as a regular file"
        case syncDirectory = "sync directory"
        case status = "inspect"
    }

    package let operation: Operation
    package let path: String
    /// As `errno` gives it; 0 where the file was shorter than its format says.
    package let errno: Int32

    package init(_ operation: Operation, path: String, errno: Int32) {
        self.operation = operation
        self.path = path
        self.errno = errno
    }

    package var description: String {
        "cannot \(operation.rawValue) \(path): \(errno == 0 ? "unexpected end of file" : Self.text(errno))"
    }
}
