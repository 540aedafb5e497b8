// Owns: a directory that lasts as long as its command, and no longer, however that ends.

import Glibc

struct TemporaryDirectory: Sendable {
    let path: String

    init() throws(Failure) {
        var template = Array("/tmp/evctl-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else {
            throw Failure(.error, "cannot make a temporary directory: \(Descriptor.lastReason)")
        }
        path = String(cString: made)
    }

    func remove() {
        Self.remove(path)
    }

    /// What `remove(3)` leaves is a directory with something in it: that goes first. Links are removed, not followed.
    private static func remove(_ path: String) {
        guard Glibc.remove(path) != 0, let directory = opendir(path) else { return }
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name.0) { String(cString: $0) }
            if name != ".", name != ".." { remove(path + "/" + name) }
        }
        closedir(directory)
        Glibc.remove(path)
    }
}
