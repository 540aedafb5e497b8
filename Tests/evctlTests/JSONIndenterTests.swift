import Testing

@testable import evctl

@Suite("Indented JSON")
struct JSONIndenterTests {
    func indented(_ text: String) -> String {
        String(decoding: JSONIndenter.indented(Array(text.utf8)), as: UTF8.self)
    }

    @Test("is laid out as Python's json.dumps(indent=2) does")
    func layout() {
        #expect(
            indented(#"{"a":1,"b":{"c":[1,{"d":null}],"e":{}},"f":[]}"#) == """
                {
                  "a": 1,
                  "b": {
                    "c": [
                      1,
                      {
                        "d": null
                      }
                    ],
                    "e": {}
                  },
                  "f": []
                }
                """
        )
    }

    @Test(
        "tokens stay byte for byte",
        arguments: [
            "123456789012345678901234567890", "-0.0", "1E+400", #""\ud800\u00e9 é {[,:]} \" \\""#, "true", "null", "{}",
            "[]",
        ]
    )
    func tokens(text: String) {
        #expect(indented(text) == text)
        #expect(indented("[\(text)]") == "[\n  \(text)\n]")
    }

    @Test("space that was there before makes no difference")
    func idempotent() {
        let text = "{ \"a\" : [ 1 ,\t2 ] ,\r\n \"b\" : { } }"
        #expect(indented(text) == indented(#"{"a":[1,2],"b":{}}"#))
        #expect(indented(indented(text)) == indented(text))
    }
}
