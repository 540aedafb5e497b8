// That patterns mean what Lua's mean, and that a pattern without end is stopped.

import CPlainLua
import Foundation
import Reducers
import Testing

@Suite struct PatternTests {
    @Test(arguments: [1, 20_000_003, 300_000_007, 4_000_000_007])
    func `Random patterns give what Lua's own functions give, to the last error`(seed: Int) throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "patterns.lua")
        let text = "local SEED, COUNT = \(seed), 1000 " + (try String(contentsOf: file, encoding: .utf8))
        // A state is UTF-8: what is not ASCII is written as its number, there as here.
        let plain = "return ((function() \(text) end)():gsub('[^\\n -~]', function(c) return '~' .. c:byte() end))"
        let reducer = try Reducer(
            "local function run() return (function() \(plain) end)() end "
                + "return { reduce = function() return { text = run() } end }",
            limits: ReducerLimits(instructionsPerEvent: 1_000_000_000, millisecondsPerEvent: 600_000)
        )
        try reducer.reduce()
        struct State: Decodable { let text: String }
        let ours = try JSONDecoder().decode(State.self, from: Data(reducer.stateJSON())).text.split(separator: "\n")
        let theirs = try #require(run(plain)).split(separator: "\n")
        #expect(ours.count == theirs.count)
        #expect(theirs.count > 9000)
        if let difference = zip(ours, theirs).enumerated().first(where: { $1.0 != $1.1 }) {
            let before = theirs[max(0, difference.offset - 12)..<difference.offset].joined(separator: "\n")
            Issue.record("after\n\(before)\nours is \(difference.element.0), Lua's \(difference.element.1)")
        }
    }

    @Test(
        arguments: [
            #"("a"):rep(40):find(("a*"):rep(30) .. "b")"#, #"("a"):rep(40):match(("a-"):rep(30) .. "b")"#,
            #"for _ in ("a"):rep(40):gmatch(("a?"):rep(40) .. ("a"):rep(41)) do end"#,
            #"("a"):rep(40):gsub(("a*"):rep(30) .. "b", "")"#,
            #"pcall(string.find, ("a"):rep(40), ("a*"):rep(30) .. "b")"#,
            #"("a"):rep(1 << 16):find((".-"):rep(2) .. "b")"#, #"("("):rep(1 << 16):find("%b()")"#,
            #"("a"):rep(1 << 14):find("[" .. ("b"):rep(1 << 14) .. "]")"#,
            #"("a"):rep(1 << 18):find("(a*)%1b")"#,
        ]
    )
    func `A pattern that backtracks without end is stopped by its steps`(statement: String) throws {
        let limits = ReducerLimits(instructionsPerEvent: 1_000_000, millisecondsPerEvent: 600_000)
        let error = try error(after: statement + " return state", limits: limits)
        #expect(error == .budget("test.lua:1: stopped after 1000000 instructions"))
    }

    @Test func `Recursion is as deep as in Lua`() throws {
        #expect(try value(of: #"{ pcall(string.find, "", ("()"):rep(33)) }"#) == #"[false,"too many captures"]"#)
        #expect(
            try value(of: #"{ pcall(string.find, ("a"):rep(300), ("a?"):rep(300)) }"#)
                == #"[false,"pattern too complex"]"#
        )
        #expect(try value(of: #"("b"):find(("a*"):rep(300))"#) == "1")
    }

    @Test func `A plain search takes as long as the texts are long`() throws {
        let search = """
            local text, wanted = ("a"):rep(1 << 22), ("a"):rep(1 << 21) .. "b"
            return { found = text:find(wanted, 1, true) or "no", at = (text .. wanted):find(wanted, 1, true) }
            """
        #expect(try state(after: search) == #"{"at":4194305,"found":"no"}"#)
    }

    private func run(_ text: String) -> String? {
        guard let lua = plain_lua_run("=test.lua", text, text.utf8.count) else { return nil }
        defer { plain_lua_free(lua) }
        var length = 0
        guard let result = plain_lua_result(lua, &length) else { return nil }
        return String(decoding: UnsafeRawBufferPointer(start: result, count: length), as: UTF8.self)
    }
}
