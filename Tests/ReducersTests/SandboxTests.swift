// What a reducer can and cannot name, and that nothing it does reaches beyond its state.

import Reducers
import Testing

@Suite("Sandbox")
struct SandboxTests {
    @Test(
        "What could reach out or differ from run to run is absent",
        arguments: [
            "os", "io", "package", "debug", "require", "load", "loadstring", "dofile", "loadfile", "coroutine",
            "collectgarbage", "print", "setmetatable", "getmetatable", "warn", "xpcall", "_G", "string.dump",
            "math.random", "math.randomseed",
        ]
    )
    func absent(name: String) throws {
        #expect(try value(of: "(\(name) == nil)") == "true")
    }

    @Test(
        "What a reducer needs is present",
        arguments: [
            "assert", "error", "pcall", "select", "tonumber", "tostring", "type", "ipairs", "pairs", "next", "rawequal",
            "rawlen", "rawget", "rawset", "table.unpack", "table.sort", "string.rep", "string.format", "string.gsub",
            "math.floor", "utf8.char", "json.array", "json.encode", "json.decode",
        ]
    )
    func present(name: String) throws {
        #expect(try value(of: "type(\(name))") == #""function""#)
    }

    @Test("Bytecode is refused")
    func bytecode() {
        let bytes = [0x1B] + Array("LuaT\0\u{19}\r\n".utf8)
        let error = #expect(throws: ReducerError.self) { _ = try Reducer(ReducerSource(name: "b", text: bytes)) }
        #expect(error?.kind == "syntax")
    }

    @Test("An assignment to a global inside reduce is a fault that names the variable")
    func globals() throws {
        let error = try error(after: "counter = 1 return state")
        #expect(error.kind == "fault")
        #expect(error.description == "test.lua:1: the global counter is read-only: keep what must last in the state")
    }

    @Test("A source may set up globals while it loads, and use them in reduce")
    func globalsAtLoad() throws {
        let reducer = try Reducer(
            "function twice(n) return n * 2 end return { reduce = function(s) s.n = twice(4) return s end }"
        )
        try reducer.reduce()
        #expect(try reducer.json == #"{"n":8}"#)
    }

    @Test(
        "Libraries and the environment are read-only, by whatever way",
        arguments: [
            "string.x = 1", "math.pi = 3", "json.null = 1", "rawset(string, 'x', 1)", "rawset(_ENV, 'x', 1)",
            "_ENV.x = 1", "table.insert(math, 1)", "json.array(string)", "('').x = 1", "json.array(_ENV)",
        ]
    )
    func libraries(statement: String) throws {
        #expect(try error(after: "\(statement) return state").kind == "fault")
    }

    @Test(
        "No address shows in any text",
        arguments: [
            "tostring({})", "tostring(print)", "tostring(pairs)", "string.format('%s', {})",
            "string.format('%-20s', function() end)", "('%5s'):format(json.array())", "tostring(json.null)",
            "select(2, pcall(error, 'x' .. tostring({})))", "string.format('\\0%s', function() end)",
            "select(2, pcall(string.rep, {}))", "select(2, pcall(function() return {} < {} end))",
            "select(2, pcall(function() return {} .. '' end))", "select(2, pcall(string.format, '%d', {}))",
            "select(2, pcall(string.format, '%q', {}))", "select(2, pcall(table.concat, { {} }))",
            "select(2, pcall(string.gsub, 'x', 'x', function() return {} end))",
        ]
    )
    func addresses(expression: String) throws {
        #expect(!(try value(of: expression)).contains("0x"))
    }

    @Test("%p is refused", arguments: ["%d %% %p', 1, {}", "\\0%p', {}", "%s\\0%-20p', 1, {}", "%5.5p', {}"])
    func pointerFormat(arguments: String) throws {
        #expect(try error(after: "return { p = string.format('\(arguments)) }").description.contains("%p would show"))
    }

    @Test("A zero byte in a format changes nothing of what follows")
    func zeroInFormat() throws {
        #expect(try value(of: "string.format('\\0%s\\0%d', {}, 5)") == #""\u0000table\u00005""#)
        #expect(try value(of: "{ pcall(string.format, '\\0%') }").hasPrefix("[false,"))
    }

    @Test("string.format is Lua's own in all else")
    func format() throws {
        #expect(
            try value(of: "string.format('%d|%5.2f|%-4s|%q|%s|%s|%%|%x', 3, 1.5, 'ab', 'q', nil, true, 255)")
                == #""3| 1.50|ab  |\"q\"|nil|true|%|ff""#
        )
    }
}
