// Owns: the promise of how a file of another version is met, or one with features that this version does not know: refused,
// left as it is, or used as if nothing were.

import EventModel
import Foundation
import SegmentLog
import Testing

@testable import EventStore

@Suite struct LaterTests {
    private struct Change: Sendable {
        let name: String
        let make: @Sendable (GoldenCopy) throws -> Void

        init(_ name: String, _ make: @escaping @Sendable (GoldenCopy) throws -> Void) {
            self.name = name
            self.make = make
        }
    }

    /// A bit of each word of features, where the words stand in a file header.
    private static let (mustRead, mustWrite, mayIgnore) = (67, 71, 75)
    private static let bit: UInt8 = 0x80
    /// A kind of section that no version has.
    private static let section: UInt8 = 200

    /// What has a field of its headers changed, in one place or in both.
    private static func headers(_ name: String, at offset: Int) -> [Change] {
        [".segment", ".active"].flatMap { suffix in
            GoldenCopy.HeaderPlace.allCases.map { place in
                Change("\(name), \(suffix), \(place)") { copy in
                    let paths = try copy.log(suffix)
                    try copy.patchHeader(of: paths[paths.count - 1], at: place) { $0[offset] += bit }
                }
            }
        }
    }

    private static let refused =
        headers("version", at: 8) + headers("must know to read", at: mustRead) + headers("checksum", at: 76)
        + [
            Change("version of the oldest") { copy in
                try copy.patchHeader(of: copy.log(".segment")[0]) { $0[8] += 1 }
            },
            Change("section that must be known to read") { copy in
                try copy.addSection(kind: section, flags: 1, to: copy.log(".segment")[0])
            },
            Change("section that must be known to read and to write") { copy in
                try copy.addSection(kind: 8, flags: 3, to: copy.log(".segment")[1])
            },
            Change("version of the manifest") { copy in try copy.patchManifest { $0[8] += 1 } },
            Change("feature of the manifest") { copy in try copy.patchManifest { $0[43] = bit } },
            Change("version of the store file") { copy in try copy.patchStoreFile(format: 3) },
        ]

    @Test(
        "A store with one file of a later version is refused, and not a byte is written",
        arguments: GoldenTests.versions
    )
    func laterVersions(version: String) throws {
        let golden = GoldenStore(version)
        for change in Self.refused {
            let copy = try golden.copy()
            try change.make(copy)
            let before = try copy.image()
            #expect(throws: OpenError.self, "\(change.name)") { try copy.open(golden) }
            #expect(throws: OpenError.self, "\(change.name)") { try EventStore.verify(directory: copy.data.path) }
            #expect(try copy.image() == before, "\(change.name)")
        }
    }

    @Test("What must be known to read alone tells what it was", arguments: GoldenTests.versions)
    func reason(version: String) throws {
        let golden = GoldenStore(version)
        let copy = try golden.copy()
        try copy.patchHeader(of: copy.log(".active")[0]) { $0[64] = 4 }
        let error = #expect(throws: OpenError.self) { try copy.open(golden) }
        #expect(error.map { "\($0)".contains("feature bits 4 that a reader must know") } == true)
    }

    /// A segment's file, and what it is given.
    private static func segments(_ features: Int, _ flags: UInt8) -> [(
        path: @Sendable (GoldenCopy) throws -> String, Change
    )] {
        let places: [@Sendable (GoldenCopy) throws -> String] = [
            { try $0.log(".segment")[0] }, { try $0.log(".segment")[1] }, { try $0.log(".active")[0] },
            { try $0.log(".active")[1] }, { try $0.log(".active")[2] },
        ]
        let headers = places.map { place in
            (place, Change("a header") { copy in try copy.patchHeader(of: place(copy)) { $0[features] = bit } })
        }
        let sections = places.prefix(2).map { place in
            (place, Change("a section") { copy in try copy.addSection(kind: section, flags: flags, to: place(copy)) })
        }
        return headers + sections
    }

    @Test(
        "A segment that must be known to write is read and left as it is: not appended to, sealed, merged or removed",
        arguments: GoldenTests.versions
    )
    func mustWriteSegments(version: String) throws {
        let golden = GoldenStore(version)
        for (place, change) in Self.segments(Self.mustWrite, 2) {
            let copy = try golden.copy()
            let path = try place(copy)
            try change.make(copy)
            let before = try copy.image()[path]
            try use(copy, golden, "\(change.name) of \(path)")
            #expect(try copy.image()[path] == before, "\(change.name) of \(path)")
        }
    }

    @Test("A segment with a feature that may be ignored is as good as any other", arguments: GoldenTests.versions)
    func ignoredInSegments(version: String) throws {
        let golden = GoldenStore(version)
        for (place, change) in Self.segments(Self.mayIgnore, 0) {
            let copy = try golden.copy()
            let path = try place(copy)
            try change.make(copy)
            let before = try copy.image()[path]
            try use(copy, golden, "\(change.name) of \(path)")
            // It was appended to, sealed or merged.
            #expect(try copy.image()[path] != before, "\(change.name) of \(path)")
        }
    }

    /// Reads a store, appends to it, has everything sealed and merged, and reads it again.
    private func use(_ copy: GoldenCopy, _ golden: GoldenStore, _ name: String) throws {
        var expected = try golden.events
        let count = expected.count
        let controls = try golden.controls
        let first = try copy.open(golden)
        try #require(first.verify().isClean, "\(name)")
        #expect(try first.golden() == expected, "\(name)")
        try #require(first.append(20) == EventID(UInt64(count) + 1), "\(name)")
        expected = try first.golden()
        #expect(expected.count == count + 20)
        _ = try first.compact()
        first.close()
        // The next process.
        let moved = try copy.copy()
        #expect(try moved.controls() == controls, "\(name)")
        let second = try moved.open(golden)
        #expect(try second.verify().isClean, "\(name)")
        #expect(try second.golden() == expected, "\(name)")
        second.close()
    }

    @Test(
        "A manifest that must be known to write makes a store that is only read, and one that may be ignored does nothing",
        arguments: GoldenTests.versions
    )
    func manifest(version: String) throws {
        let golden = GoldenStore(version)
        let copy = try golden.copy()
        try copy.patchManifest { $0[47] = Self.bit }
        let before = try copy.image()
        #expect(throws: OpenError.self) { try copy.open(golden) }
        let report = try EventStore.verify(directory: copy.data.path)
        #expect(try report.isClean && report.records == golden.events.count)
        #expect(try copy.controls() == golden.controls)
        #expect(try copy.image() == before)

        let ignored = try golden.copy()
        try ignored.patchManifest { $0[51] = Self.bit }
        try use(ignored, golden, "manifest")
    }

    @Test(
        "A snapshot of a later version is passed over and kept, and the state is right",
        arguments: GoldenTests.versions
    )
    func laterSnapshot(version: String) throws {
        let golden = GoldenStore(version)
        let changes: [@Sendable (inout [UInt8]) -> Void] = [
            { $0[8] += 1 }, { $0[35] = Self.bit }, { $0[44] = 2 }, { $0[45] = 2 },
        ]
        for change in changes {
            let copy = try golden.copy()
            let snapshots = try snapshots(copy)
            for path in snapshots { try copy.patchSnapshot(path, change) }
            let report = try EventStore.verify(directory: copy.data.path)
            #expect(report.problems.count == snapshots.count)
            try kept(snapshots, copy, golden)
        }
    }

    @Test(
        "A snapshot that must be known to write is used and never removed; one with what may be ignored is as any other",
        arguments: GoldenTests.versions
    )
    func featuresOfSnapshots(version: String) throws {
        let golden = GoldenStore(version)
        for (offset, isKept) in [(39, true), (43, false)] {
            let copy = try golden.copy()
            let snapshots = try snapshots(copy)
            for path in snapshots { try copy.patchSnapshot(path) { $0[offset] = Self.bit } }
            #expect(try EventStore.verify(directory: copy.data.path).isClean)
            try kept(isKept ? snapshots : [], copy, golden)
            #expect(try snapshots.allSatisfy { try copy.image()[$0] != nil } == isKept)
        }
    }

    private func snapshots(_ copy: GoldenCopy) throws -> [String] {
        let snapshots = try copy.image().keys.filter { $0.hasSuffix(".snapshot") }.sorted()
        try #require(snapshots.count >= 2)
        return snapshots
    }

    /// Has the ladders thinned out to two, and finds these files as they were, and the state of the projections right.
    private func kept(_ paths: [String], _ copy: GoldenCopy, _ golden: GoldenStore) throws {
        let before = try copy.image().filter { paths.contains($0.key) }
        let store = try copy.open(golden, snapshots: 2)
        for (name, state) in try golden.states {
            #expect(try String(decoding: store.projection(name).stateJSON, as: UTF8.self) == state)
        }
        // So that the smallest gap is where these stand.
        for count in [1, 3000] {
            _ = store.append(count)
            for name in GoldenStore.projections { _ = try store.projection(name) }
            _ = try store.snapshot()
        }
        store.close()
        #expect(try copy.image().filter { paths.contains($0.key) } == before)
    }

    @Test("A store of version 1 is refused by name, and not a byte is written", arguments: GoldenTests.versions)
    func firstVersion(version: String) throws {
        let golden = GoldenStore(version)
        let store = try Array(#require(golden.copy().image()[golden.copy().log(".active")[0]])[16..<32])
        @Sendable func file(_ magic: String, count: Int) -> [UInt8] {
            var header = Array(magic.utf8) + [1, 0, 0, 0, 0, 0, 0, 0] + store + [UInt8](repeating: 7, count: 16)
            header += [UInt8](repeating: 0, count: 16)
            header.put(UInt64(1), at: 48)
            header.put(Checksum.crc32(header), at: 12)
            return header + [UInt8](repeating: 0, count: count - header.count)
        }
        let name = "log/00000000000000000001"
        let changes = [
            Change("store file") { try $0.patchStoreFile(format: 1) },
            Change("raw") {
                try Data(file("EVRAWSEG", count: 16384)).write(to: $0.data.appending(path: name + ".active"))
            },
            Change("sealed") {
                try Data(file("EVSEALED", count: 400)).write(to: $0.data.appending(path: name + ".segment"))
            },
        ]
        for change in changes {
            let copy = try golden.copy()
            for path in try copy.log("") { try FileManager.default.removeItem(at: copy.data.appending(path: path)) }
            try change.make(copy)
            let before = try copy.image()
            let error = #expect(throws: OpenError.self, "\(change.name)") { try copy.open(golden) }
            #expect(error.map { "\($0)".contains("version 1") } == true, "\(change.name)")
            #expect(try copy.image() == before, "\(change.name)")
        }
    }
}
