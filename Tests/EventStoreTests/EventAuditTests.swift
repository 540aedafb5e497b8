// Owns: the promise that a check of a body takes what an append takes, and nothing else.

import CraftedRecords
import Testing

@testable import EventStore

@Suite struct EventAuditTests {
    private let audit = EventAudit()
    private let keys = ["corder", "aorder-1", "tcreated"]

    private func flaw(_ payload: [UInt8]) -> String? {
        CraftedRecords.body(keys: keys, payload: payload).withUnsafeBytes(audit.flaw)
    }

    private func flaw(data: String) -> String? { flaw([0] + Array(data.utf8)) }

    private func flaw(metadata: String) -> String? {
        flaw([2, UInt8(metadata.utf8.count), 0, 0, 0] + Array(metadata.utf8) + Array("{}".utf8))
    }

    @Test(arguments: ["{}", " { } ", #"{"n":18446744073709551616,"n":1e400}"#])
    func `A JSON object is data, and metadata`(text: String) {
        #expect(flaw(data: text) == nil)
        #expect(flaw(metadata: text) == nil)
    }

    @Test(arguments: ["", "{", "[]", "1", "{}x", "{\"a\":\"\\ud800\"}"])
    func `What is no JSON object is neither`(text: String) {
        #expect(flaw(data: text)?.hasPrefix("data is ") == true)
        #expect(flaw(metadata: text)?.hasPrefix("metadata is ") == true)
        #expect(flaw(data: text)?.hasSuffix("expected a JSON object") == true)
    }

    @Test func `What is not UTF-8 is neither`() {
        #expect(flaw([0] + Array("{\"".utf8) + [0xFF] + Array("\":1}".utf8))?.hasPrefix("data is ") == true)
    }

    @Test func `What the keys say is asked first`() {
        let body = CraftedRecords.body(keys: ["corder", "tcreated"], payload: [0, 0x5B])
        #expect(body.withUnsafeBytes(audit.flaw) == "there is no aggregate")
        for later in CraftedRecords.later {
            #expect(later.withUnsafeBytes(audit.flaw)?.contains("of a later version") == true)
        }
        #expect(CraftedRecords.ignorable.withUnsafeBytes(audit.flaw) == nil)
    }
}
