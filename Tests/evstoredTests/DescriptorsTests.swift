// Owns: the promise that connections leave descriptors for the log.

import Testing

@testable import evstored

@Suite struct DescriptorsTests {
    @Test(
        "A part of the descriptors is kept for files, more where there are many; at least half are for connections",
        arguments: [(65_536, 0, 65_248), (1024, 0, 736), (1024, 50, 636), (64, 0, 32), (1024, 400, 512)]
    )
    func room(limit: Int, files: Int, connections: Int) {
        #expect(Descriptors.room(limit: limit, files: files) == connections)
    }

    @Test("What fits is not spoken of; what does not is cut, with the limit that is in the way")
    func fit() throws {
        #expect(Descriptors.fit(1, directory: "/nowhere") == nil)
        let cut = try #require(Descriptors.fit(.max, directory: "/nowhere"))
        #expect(cut.connections < Int.max)
        #expect(cut.reason.contains("\(cut.connections)") && cut.reason.contains("LimitNOFILE"))
    }
}
