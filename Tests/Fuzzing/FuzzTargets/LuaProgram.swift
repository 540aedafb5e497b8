// Owns: the Lua programs that the fuzzer writes: every function a reducer has, on values small and hostile. The bytes
// choose; the same bytes are the same program.

struct LuaProgram {
    private var bytes: ArraySlice<UInt8>
    /// What is yet to be written: a program ends, whatever the bytes.
    private var room = 120

    /// The source of a reducer.
    static func source(_ bytes: [UInt8]) -> String {
        var program = LuaProgram(bytes: bytes[...])
        let body = program.block(3)
        return """
            local a, b, c, d = 'abc', '', ('x'):rep(300), '1'
            local p, q, r = { 3, 1, 2 }, {}, { 'b', 'a', 'a' }
            local m, o = { k = 1, l = 'v' }, {}
            local i, j, k = 3, -1, 2.5
            local function f(...) return ... end
            local function g(x, y) return x == nil or y == nil or tostring(x) < tostring(y) end
            return { reduce = function(state, event)
            \(body)
            local encoded, text = pcall(json.encode, { m = m, o = o, p = p, q = q, r = r, a = a, b = b })
            return { #a, #b, #c, #d, tostring(i), tostring(j), tostring(k), #p, #q, rawlen(r), text, tostring(f) }
            end }
            """
    }

    private init(bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
    }

    /// A number below `count`: 0 where no byte is left.
    private mutating func choice(_ count: Int) -> Int { Int(bytes.popFirst() ?? 0) % count }

    private mutating func one(_ choices: [String]) -> String { choices[choice(choices.count)] }

    // Statements

    private mutating func block(_ depth: Int) -> String {
        (0...choice(6)).map { _ in statement(depth) }.joined(separator: "\n")
    }

    private mutating func statement(_ depth: Int) -> String {
        room -= 1
        guard room > 0, !bytes.isEmpty else { return "i = i" }
        let kind = choice(depth > 0 ? 20 : 11)
        let statement = statement(kind, depth)
        // Most mistakes are caught, for a program that goes on finds more.
        return kind == 6 || choice(12) == 0 ? statement : "pcall(function() \(statement) end)"
    }

    private mutating func statement(_ kind: Int, _ depth: Int) -> String {
        switch kind {
        case 0, 1: return "\(one(["a", "b", "c", "d"])) = \(text(2))"
        case 2: return "\(one(["i", "j", "k"])) = \(number(2))"
        case 3: return "\(one(["p", "q", "r"])) = \(list(2))"
        case 4: return "m[\(text(1))] = \(value(2))"
        case 5: return "\(one(["p", "q", "r"]))[#\(one(["p", "q", "r"])) + 1] = \(value(2))"
        case 6: return "local x, y, z = \(call())"
        case 7: return "local x, y, z = pcall(function() return \(call()) end)"
        case 8, 9: return call()
        case 10: return "a = a .. \(text(1))"
        case 11: return "for x = \(number(1)), \(number(1)) do \(block(depth - 1)) end"
        case 12: return "for x, y in pairs(\(one(["p", "m", "o", "{}"]))) do \(block(depth - 1)) end"
        case 13: return "for x, y in ipairs(\(one(["p", "q", "r"]))) do \(block(depth - 1)) end"
        case 14: return "for x, y in (\(text(1))):gmatch(\(pattern())) do \(block(depth - 1)) end"
        case 15: return "for x, y in utf8.codes(\(text(1))) do \(block(depth - 1)) end"
        case 16: return "pcall(function() \(block(depth - 1)) end)"
        case 17: return "while \(condition()) do \(block(depth - 1)) end"
        case 18: return "if \(condition()) then \(block(depth - 1)) else \(block(depth - 1)) end"
        default: return "f = function(x, ...) \(block(depth - 1)) return x, ... end"
        }
    }

    private mutating func condition() -> String {
        switch choice(8) {
        case 0: "true"
        case 1: "\(text(1)) == \(text(1))"
        case 2: "\(text(1)) < \(text(1))"
        case 3: "\(number(1)) <= \(number(1))"
        case 4: "rawequal(\(value(1)), \(value(1)))"
        case 5: "next(\(one(["m", "o", "p"]))) == nil"
        case 6: "#a < \(number(0))"
        default: "false"
        }
    }

    // Calls

    private static let functions = [
        "assert(V)", "error(V)", "ipairs(L)", "next(L)", "next(m)", "next(L, N)", "pairs(L)", "pairs(m)",
        "pcall(f, V, V)", "pcall(pcall, f, V)", "rawequal(V, V)", "rawget(m, V)", "rawget(L, N)", "rawlen(V)",
        "rawset(o, S, V)", "select(N, V, V)", "select('#', f(table.unpack(L)))", "tonumber(V)", "tonumber(S, N)",
        "tostring(V)", "type(V)", "string.byte(S, N, N)", "string.char(N, N)", "string.find(S, P)",
        "string.find(S, P, N, true)", "string.find(S, S, N)", "string.format(F, V, V, V)", "string.format(S, V)",
        "string.gmatch(S, P)()", "string.gsub(S, P, S)", "string.gsub(S, P, f)", "string.gsub(S, P, m, N)",
        "string.gsub(S, P, V)", "string.len(S)", "string.lower(S)", "string.match(S, P, N)", "string.pack(K, V, V)",
        "string.packsize(K)", "string.rep(S, N)", "string.rep(S, N, S)", "string.reverse(S)", "string.sub(S, N, N)",
        "string.unpack(K, S, N)", "string.upper(S)", "table.concat(L, S)", "table.concat(L, S, N, N)",
        "table.insert(L, V)", "table.move(L, N, N, N)", "table.move(L, 1, N, N, {})", "table.pack(V, V)",
        "table.remove(L)", "table.remove(L, 1)", "table.sort(L)", "table.sort(L, g)", "table.sort(L, math.max)",
        "table.sort(L, rawequal)", "table.unpack(L)", "table.unpack(L, N, N)", "math.abs(N)", "math.atan(N, N)",
        "math.ceil(N)", "math.floor(N)", "math.floor(S)", "math.fmod(N, N)", "math.log(N)", "math.max(N, N)",
        "math.min(N, S)", "math.modf(N)", "math.tointeger(N)", "math.type(V)", "math.ult(N, N)", "utf8.char(N, N)",
        "utf8.codepoint(S, N, N)", "utf8.len(S)", "utf8.len(S, N, N, true)", "utf8.offset(S, N)",
        "utf8.offset(S, N, N)", "utf8.codes(S)(S, N)", "json.array(L)", "json.encode(V)", "json.encode(L)",
        "json.decode(S)", "json.decode(J)", "json.decode(json.encode(V))", "f((S):rep(N))", "f(S + N)", "f(S // 1)",
        "f(-S)", "f(S % N)", "f(V)", "ipairs(L)(L, N)", "ipairs(L)(L, S)", "string.format('%s%q', V, V)",
        "string.format('\\0%s\\0%p', V, V)", "string.format('\\0%s', f)", "tostring(f)", "tostring(json.null)",
    ]

    /// A call of a library function: `V` stands for any value, and the others for a kind of it.
    private mutating func call() -> String {
        var call = ""
        let pattern = Self.functions[choice(Self.functions.count)]
        let characters = Array(pattern)
        for (index, character) in characters.enumerated() {
            // A kind is a capital on its own.
            let alone =
                (index == 0 || !characters[index - 1].isLetter && characters[index - 1] != "%")
                && (index + 1 == characters.count || !characters[index + 1].isLetter)
            switch character {
            case "V" where alone: call += value(1)
            case "S" where alone: call += text(1)
            case "N" where alone: call += number(1)
            case "L" where alone: call += one(["p", "q", "r"])
            case "P" where alone: call += self.pattern()
            case "F" where alone: call += one(Self.formats)
            case "K" where alone: call += one(Self.packings)
            case "J" where alone: call += one(Self.documents)
            default: call.append(character)
            }
        }
        return call
    }

    private static let formats = [
        "'%d %s %q'", "'%5.2f %-9s %x'", "'%s'", "'%99.99f'", "'%c%i%u'", "'%a %g %e'", "'%q'", "'%p'", "'\\0%p'",
        "'%20s\\0%d'", "'%'", "'%%%'", "('%d'):rep(50)", "'%-#0 +5.3d'", "'%100d'", "'%s%s%s%s'",
    ]
    private static let packings = [
        "'z'", "'i4'", "'I16'", "'s1'", "'s'", "'c1000000'", "'c99999999999'", "'!16Xj'", "'d f n'", "'>i2 <i2 =i2'",
        "('b'):rep(300)", "'i17'", "'x'", "('z'):rep(100)", "'j'",
    ]
    private static let documents = [
        "'{}'", "'[1,2,[3]]'", "('['):rep(2000)", "(' '):rep(100000)", "('[1,'):rep(100)",
        "'[' .. ('1e999,'):rep(5000) .. '0]'", "'[' .. ('{},'):rep(5000) .. '1]'", "'\"' .. a .. '\"'", "'1.5e400'",
    ]

    private mutating func pattern() -> String {
        switch choice(6) {
        case 0: return text(0)
        case 1:
            return "(\(one(["'a*'", "'a-'", "'.-'", "'(a?)'", "'x*'", "'%w+'"]))):rep(\(one(["3", "20", "40"]))) .. 'b'"
        default:
            let parts = [
                "a", ".", "%a", "%d", "[a-c]", "[^x]", "(", ")", "()", "%1", "%b()", "%f[%w]", "x", "%", "[", "$", "^",
            ]
            return "'"
                + (0...choice(5)).map { _ in one(parts) + one(["", "", "*", "+", "-", "?"]) }.joined() + "'"
        }
    }

    // Values

    private mutating func value(_ depth: Int) -> String {
        switch choice(9) {
        case 0, 1, 2: text(depth)
        case 3, 4: number(depth)
        case 5: list(depth)
        case 6: one(["nil", "true", "false", "json.null", "f", "g", "state", "event", "event.data"])
        case 7: one(["m", "o", "p", "q", "r"])
        default: "{ x = \(depth > 0 ? value(depth - 1) : "1") }"
        }
    }

    private mutating func text(_ depth: Int) -> String {
        switch choice(depth > 0 ? 12 : 6) {
        case 0, 1: one(["a", "b", "c", "d"])
        case 2: one(["''", "'a'", "'abc'", "'\\0'", "'12'", "'0x1p4'", "'\\xff'", "'\\u{1F600}'", "'%'"])
        case 3: "(\(one(["'a'", "'\\0'", "'ab'", "'1'", "' '", "'\\x80'", "'('"]))):rep(\(one(Self.sizes)))"
        case 4: "event.category"
        case 5: "'k'"
        case 6: "tostring(\(value(depth - 1)))"
        case 7: "(\(text(depth - 1)) .. \(text(depth - 1)))"
        case 8: "(\(text(depth - 1))):sub(\(number(0)), \(number(0)))"
        case 9: "(\(text(depth - 1))):rep(\(number(0)))"
        case 10: "json.encode(\(value(depth - 1)))"
        default: "table.concat(\(one(["p", "q", "r"])))"
        }
    }

    private static let sizes = ["0", "7", "100", "1000", "20000", "70000", "400000", "3000000", "1 << 40"]

    private mutating func number(_ depth: Int) -> String {
        switch choice(depth > 0 ? 8 : 4) {
        case 0: one(["i", "j", "k"])
        case 1: one(["0", "1", "2", "-1", "7", "64", "255", "1000", "100000"])
        case 2:
            one([
                "math.maxinteger", "math.mininteger", "1 << 31", "1 << 40", "1e308", "0/0", "1/0", "-1/0", "2^53",
                "0.5",
            ])
        case 3: one(["#a", "#p", "#q", "#c"])
        case 4: "(\(number(depth - 1)) \(one(["+", "-", "*", "//", "%", "/"])) \(number(depth - 1)))"
        case 5: "#\(one(["a", "b", "c", "p"]))"
        case 6: "(tonumber(\(text(depth - 1))) or 1)"
        default: "math.floor(\(number(depth - 1)))"
        }
    }

    private mutating func list(_ depth: Int) -> String {
        switch choice(6) {
        case 0: "{ \(value(max(0, depth - 1))), 1 }"
        case 1: "json.array()"
        case 2: "{ string.byte(c, 1, \(one(["3", "300"]))) }"
        case 3: "table.move(p, 1, \(one(["3", "1000"])), 1, {})"
        case 4: "json.decode('[' .. ('3,1,'):rep(\(one(["1", "50", "5000"]))) .. '2]')"
        default: one(["p", "q", "r", "{}"])
        }
    }
}
