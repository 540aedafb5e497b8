// Owns: that nothing but a regular file is opened as one, whatever has its name, and that nobody waits for what is not.

import Disk
import Glibc
import Testing

@Suite(.timeLimit(.minutes(20))) struct RegularFileTests {
    private static let modes = [OpenMode.read, .readLinked, .readWrite, .createOrTruncate]

    private let directory = TemporaryDirectory()
    private let disk = PosixDisk()
    private var path: String { "\(directory.path)/00000000000000000001.segment" }

    /// The error of an opening that is to find no regular file.
    private func refusal(_ mode: OpenMode) -> DiskError? {
        let error = #expect(throws: DiskError.self) { try disk.open(path, mode) }
        #expect(error?.isNotRegularFile == true, "\(mode): \(error.map { "\($0)" } ?? "opened")")
        return error
    }

    @Test func `A pipe is refused at once, with nobody at its other end`() throws {
        try #require(mkfifo(path, 0o600) == 0)
        for mode in Self.modes { #expect(refusal(mode)?.errno == ENOTSUP) }
        for error in [
            #expect(throws: DiskError.self) { try disk.lock(path) },
            #expect(throws: DiskError.self) { try disk.lockExisting(path) },
        ] { #expect(error?.isNotRegularFile == true) }
    }

    @Test func `A folder is refused for reading, too, and the error says what it is`() throws {
        try #require(mkdir(path, 0o700) == 0)
        for mode in Self.modes { #expect(refusal(mode)?.errno == EISDIR) }
        #expect(refusal(.read)?.description == "cannot use as a regular file \(path): Is a directory")
    }

    @Test func `A socket is refused`() throws {
        let socket = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0)
        for mode in Self.modes { #expect(refusal(mode)?.errno == ENOTSUP) }
    }

    @Test func `A device is refused`() throws {
        try #require(symlink("/dev/null", path) == 0)
        #expect(refusal(.readLinked)?.errno == ENOTSUP)
        let error = #expect(throws: DiskError.self) { try disk.open("/dev/null", .readWrite) }
        #expect(error?.isNotRegularFile == true && error?.errno == ENOTSUP)
    }

    @Test func `A link is followed where that was asked for, and else refused, whatever it leads to`() throws {
        let target = "\(directory.path)/target"
        try disk.open(target, .createNew).write([1, 2, 3], at: FileOffset(0))
        try #require(symlink(target, path) == 0)
        #expect(try disk.contents(of: path, limit: 3, .readLinked) == [1, 2, 3])
        #expect(try disk.contents(of: path, limit: 2, .readLinked) == nil)
        #expect(throws: DiskError.self) { try disk.open(path, .readLinked).write([9], at: FileOffset(0)) }
        for mode in [OpenMode.read, .readWrite, .createOrTruncate] { #expect(refusal(mode)?.errno == ELOOP) }
        #expect(#expect(throws: DiskError.self) { try disk.open(path, .createNew) }?.errno == EEXIST)
        #expect(#expect(throws: DiskError.self) { try disk.lock(path) }?.isNotRegularFile == true)
        #expect(try disk.contents(of: target) == [1, 2, 3])
        try disk.remove(target)
        let dangling = #expect(throws: DiskError.self) { try disk.open(path, .readLinked) }
        #expect(dangling?.isMissing == true && dangling?.operation == .open)
        #expect(refusal(.read)?.errno == ELOOP)
    }

    @Test func `A folder on the way to a file may be a link`() throws {
        let (folder, link) = ("\(directory.path)/folder", "\(directory.path)/link")
        try disk.createDirectory(folder)
        try #require(symlink(folder, link) == 0)
        try disk.replaceFile("f", in: link, with: [7])
        #expect(try disk.contents(of: "\(folder)/f") == [7])
        #expect(try disk.lockDirectory(link) != nil)
        try disk.remove("\(folder)/f")
    }
}
