// Owns: replaying what the fuzzers have kept: every input that once showed something new, and every one that once broke
// a promise.

import Foundation
import FuzzTargets
import Testing

@Suite struct CorpusTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Corpus")

    @Test("Every input that the fuzzers have kept keeps the promises of its target", arguments: FuzzTarget.allCases)
    func replay(target: FuzzTarget) throws {
        let folder = Self.folder.appending(path: target.rawValue)
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(names.count > 20)
        for name in names { target.run(try Array(Data(contentsOf: folder.appending(path: name)))) }
    }

    @Test(arguments: 0..<8)
    func `Programs of random bytes end, within their memory, and twice the same`(part: UInt64) {
        for seed in part * 100..<part * 100 + 100 {
            var state = seed
            let bytes = (0..<200).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 56)
            }
            FuzzTarget.lua.run(bytes)
        }
    }
}
