// Owns: pipes, links and folders under the names of the store's own files: none is followed, opened or waited for.

import EventModel
import Foundation
import SegmentLog
import Testing

@testable import EventStore

@Suite(.timeLimit(.minutes(20))) struct NotAFileTests {
    enum Obstacle: CaseIterable, Sendable {
        case pipe, folder, link, looseLink

        /// `target` is a file that would do.
        func put(at path: String, target: String) throws {
            switch self {
            case .pipe: try #require(mkfifo(path, 0o600) == 0)
            case .folder: try #require(mkdir(path, 0o700) == 0)
            case .link: try #require(symlink(target, path) == 0)
            case .looseLink: try #require(symlink("/nowhere/at/all", path) == 0)
            }
        }
    }

    private static let sealed = "log/00000000000000000001.segment"
    private static let active = "log/00000000000000000004.active"

    /// A sealed segment of three events, and an active one of one; closed.
    private static func store() throws -> TestStore {
        let test = try TestStore()
        test.append((1...3).map { .numbered($0) })
        try test.roll()
        #expect(eventually { test.store.info.log.sealedSegments == 1 })
        test.append(.numbered(4))
        test.close()
        return test
    }

    private static func names(_ test: TestStore) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: test.options.directory).sorted()
    }

    @Test(arguments: ["store.json", "manifest", "LOCK", sealed, active], Obstacle.allCases)
    func `In the place of a segment or of what the store is known by it is refused by name`(
        name: String,
        obstacle: Obstacle
    ) throws {
        let test = try Self.store()
        let (path, aside) = (test.options.directory + "/" + name, test.directory.path + "/aside")
        try FileManager.default.moveItem(atPath: path, toPath: aside)
        try obstacle.put(at: path, target: aside)
        let before = try Self.names(test)
        let error = try #require(throws: OpenError.self) { try test.restart() }
        #expect("\(error)".contains((name as NSString).lastPathComponent), "\(error)")
        #expect(try Self.names(test) == before)
        // As it was, all is well.
        try #require(remove(path) == 0)
        try FileManager.default.moveItem(atPath: aside, toPath: path)
        try test.restart()
        #expect(try test.all().count == 4)
    }

    @Test(arguments: ["log/00000000000000000077.spare", "log/00000000000000000099.segment.tmp"], Obstacle.allCases)
    func `In the place of a spare or a temporary file it keeps nobody from anything`(
        name: String,
        obstacle: Obstacle
    ) throws {
        let test = try Self.store()
        let (path, target) = (test.options.directory + "/" + name, test.directory.path + "/target")
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: target))
        try obstacle.put(at: path, target: target)
        try test.restart()
        #expect(test.append(.numbered(5)) == .appended([5]))
        try test.roll()
        #expect(test.append(.numbered(6)) == .appended([6]))
        #expect(eventually { test.store.info.log.sealedSegments == 2 })
        #expect(try test.all().count == 6)
        #expect(try Data(contentsOf: URL(fileURLWithPath: target)) == Data([1, 2, 3]))
        if name.hasSuffix(".spare") || obstacle == .folder {
            #expect(test.store.recovery.notes.contains { $0.contains((name as NSString).lastPathComponent) })
        }
    }
}
