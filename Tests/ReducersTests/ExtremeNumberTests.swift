// That no number, in a reducer's hands or on its way to or from it, ends more than that reducer.

import Reducers
import Testing

@Suite("Extreme numbers")
struct ExtremeNumberTests {
    private static let numbers = [
        "0", "-1", "2147483647", "2147483648", "-2147483649", "4294967296", "9007199254740993", "math.maxinteger",
        "math.mininteger", "0x7fffffff", "1 << 62", "1e18", "1e308", "-1e308", "1/0", "-1/0", "0/0", "2^53", "2^63",
        "2^64",
    ]

    /// Places where Lua, or what is put round it, counts with a number, `#`.
    private static let places = [
        "return { value = # }", "return { [#] = 1 }", "local t = json.array({1}) t[#] = 2 return { t = t }",
        "return { s = string.rep('x', #) }", "return { s = string.rep('', #) }", "return { s = ('abc'):sub(#, -1) }",
        "return { s = ('abc'):sub(1, #) }", "return { s = { ('abc'):byte(#, #) } }", "return { s = string.char(#) }",
        "return { s = utf8.char(#) }", "return { s = { table.unpack({1,2}, #, 2) } }",
        "return { s = { table.unpack({1,2}, 1, #) } }", "return { s = table.concat({1,2}, ',', #, 2) }",
        "return { s = table.concat({1,2}, ',', 1, #) }", "local t = {1} table.insert(t, #, 2) return { t = t }",
        "local t = {1} table.remove(t, #) return { t = t }", "return { s = table.move({1}, 1, 1, #) }",
        "return { s = table.move({1}, #, 1, 1) }", "return { s = select(#, 1, 2) }",
        "return { s = string.format('%d', #) }", "return { s = string.format('%.14g', #) }",
        "return { s = math.tointeger(#) or 0, u = # // 1, m = #  % 3 }", "return { s = # // 0.0 }",
        "return { s = (# | 0) }", "for i = #, 3 do return { i = i } end return {}",
        "for i = 1, 3, # do return { i = i } end return {}",
        "return { s = # + event.timestamp, id = event.event_id + # }",
        "return { s = #tostring(#) }", "return { s = utf8.len('abc', #) }", "return { s = utf8.codepoint('abc', #) }",
        "local t = setmetatable({}, { __len = function() return # end }) table.sort(t) return {}",
        "local t = setmetatable({}, { __len = function() return # end }) return { s = table.concat(t) }",
    ]

    @Test("Any number anywhere is a state or an error of the reducer", arguments: places)
    func anyNumber(place: String) {
        let limits = ReducerLimits(instructionsPerEvent: 1_000_000, memoryBytes: 16 << 20)
        for number in Self.numbers {
            // `#` as Lua's own operator stands before a name or a call.
            let body = place.replacing("#tostring", with: "\u{1}tostring").replacing("#", with: "(\(number))")
                .replacing("\u{1}", with: "#")
            do {
                _ = try state(after: body, limits: limits)
            } catch {
                #expect(error is ReducerError, "\(body): \(error)")
            }
        }
    }

    @Test("An event at the ends of time, and with the greatest id a log can have, is folded")
    func endsOfTime() throws {
        let reducer = try Reducer("return { reduce = function(s, e) return { id = e.event_id, t = e.timestamp } end }")
        for nanoseconds in [.min, -1, 0, 1, .max] as [Int64] {
            try reducer.reduce(TestEvent(id: 1 << 62, nanoseconds: nanoseconds))
            #expect(try reducer.json.contains("4611686018427387904"))
        }
    }

    @Test(
        "Numbers that JSON has and Lua has not are data as any other",
        arguments: [
            "9223372036854775807", "-9223372036854775808", "9223372036854775808", "18446744073709551615",
            "-9223372036854775809", "1e308", "-1e308", "1e309", "1e-400", "123456789012345678901234567890",
        ]
    )
    func wideData(number: String) throws {
        // What is beyond a double is infinite in Lua, and no state.
        do {
            #expect(try value(of: "event.data.n", data: #"{"n":\#(number)}"#).isEmpty == false)
        } catch let error as ReducerError {
            #expect(number == "1e309", "\(error)")
        }
    }
}
