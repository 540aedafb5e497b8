// Owns: the promise that an error survives its way over the wire.

import EventModel
import Testing

@Suite struct StoreErrorTests {
    @Test("every code is read back from the wire with its ids and its message", arguments: StoreError.Code.allCases)
    func roundTrip(code: StoreError.Code) {
        let ids: [EventID] =
            switch code {
            case .conflict, .reused, .position, .lagging: [EventID(42)]
            case .corrupt, .later: [EventID(5), EventID(9)]
            default: []
            }
        let error = StoreError(code, ids: ids, "7 of what was wrong; expected something else")
        #expect(StoreError(wireText: error.description) == error)
    }

    @Test("the wire text is the code, the ids and the message")
    func text() {
        #expect(StoreError(.conflict, ids: [EventID(7)], "in the way").description == "CONFLICT 7 in the way")
        #expect(StoreError(.corrupt, ids: [EventID(5), EventID(9)], "x").description == "CORRUPT 5 9 x")
        #expect(StoreError(.other, "unknown command").description == "ERR unknown command")
    }

    @Test("an error about damage says which events, and no other error does")
    func damage() {
        #expect(StoreError(wireText: "CORRUPT 5 9 a block").damage == EventID(5)...EventID(9))
        #expect(StoreError(wireText: "CORRUPT 9 5 a block").damage == nil)
        #expect(StoreError(wireText: "CORRUPT 5").damage == nil)
        #expect(StoreError(wireText: "CONFLICT 5 in the way").damage == nil)
    }

    @Test("an event of a later version cannot be read, and is not damaged")
    func later() {
        let error = StoreError(wireText: "LATER 5 9 written by a later version")
        #expect(error.code == .later && error.message == "written by a later version")
        #expect(error.unreadable == EventID(5)...EventID(9) && error.damage == nil)
        #expect(StoreError(wireText: "CORRUPT 5 9 a block").unreadable == EventID(5)...EventID(9))
        #expect(StoreError(wireText: "LATER 9 5 x").unreadable == nil)
        #expect(StoreError(wireText: "LATER 5").unreadable == nil)
        #expect(StoreError(wireText: "CONFLICT 5 in the way").unreadable == nil)
    }

    @Test("an error is one line, whatever its message")
    func oneLine() {
        #expect(StoreError(.invalid, "a\r\nb\nc\rd").description == "INVALID a b c d")
    }

    @Test("a code that is not known is kept as text")
    func unknown() {
        #expect(StoreError(wireText: "NOPROTO unsupported") == StoreError(.other, "NOPROTO unsupported"))
        #expect(StoreError(wireText: "") == StoreError(.other, ""))
        #expect(StoreError(wireText: "CONFLICT soon") == StoreError(.conflict, "soon"))
    }
}
