// Owns: the promise that a pattern matches what Redis' patterns match, and costs no more than its length.

import EventModel
import Testing

@testable import EventWire

@Suite struct GlobPatternTests {
    @Test(
        "a pattern matches what it matches in Redis",
        arguments: [
            ("save", ["save"], ["saves", "sav", ""]), ("*", ["", "save"], []),
            ("max*", ["max", "maxmemory"], ["amax"]),
            ("*memory*", ["maxmemory", "maxmemory-policy", "memory"], ["maxmem"]), ("sa?e", ["save", "sane"], ["sae"]),
            ("[st]ave", ["save", "tave"], ["rave", "ave"]), ("[^s]ave", ["rave"], ["save"]),
            ("[a-c]1", ["a1", "c1"], ["d1"]), ("[c-a]1", ["b1"], ["d1"]), (#"\*"#, ["*"], ["a"]),
            (#"[\]]"#, ["]"], ["\\"]), ("[ab", ["a", "b"], ["c"]), ("a*b*c", ["abc", "aXbYbZc"], ["acb", "abcd"]),
            ("**", ["", "x"], []), ("*?", ["x", "xy"], [""]),
        ]
    )
    func matches(pattern: String, good: [String], bad: [String]) throws {
        let pattern = try GlobPattern(pattern)
        for text in good { #expect(pattern.matches(text), "\(text)") }
        for text in bad { #expect(!pattern.matches(text), "\(text)") }
    }

    @Test("a pattern made to backtrack is through at once, and one without end is refused", .timeLimit(.minutes(20)))
    func hostile() throws {
        let stars = String(repeating: "*a", count: 120) + "b"
        #expect(!(try GlobPattern(stars).matches(String(repeating: "a", count: 10_000))))
        #expect(throws: StoreError.self) { try GlobPattern(String(repeating: "*", count: 256)) }
    }
}
