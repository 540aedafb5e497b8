import Testing

@testable import evctl

@Suite("Aggregates on the command line")
struct AggregateArgumentTests {
    @Test("are CATEGORY/ID as read prints them, or an id in every category")
    func forms() throws {
        func parts(_ text: String) throws -> [String?] {
            let aggregate = try AggregateArgument(text)
            return [aggregate.category, aggregate.id]
        }
        #expect(try parts("order/42") == ["order", "42"])
        #expect(try parts("42") == [nil, "42"])
        #expect(try parts("/a/b") == [nil, "a/b"])
        #expect(try parts("order/a/b") == ["order", "a/b"])
        for text in ["", "/", "order/", "a/\u{1}"] { #expect(throws: Failure.self) { try AggregateArgument(text) } }
    }
}
