// Owns: looking up fields in the JSON object that the daemon answers a maintenance command with.

import EventNDJSON

struct Report {
    private let members: [String: ArraySlice<UInt8>]

    init(_ json: [UInt8]) throws(Failure) {
        do {
            members = try JSONValue.object(json)
        } catch {
            throw Failure(.error, "the daemon's report is no JSON object: \(error)")
        }
    }

    func number(_ name: String) -> UInt64? {
        members[name].flatMap(JSONValue.unsigned)
    }

    /// The bytes of a member's value, as they stand.
    func value(_ name: String) -> [UInt8]? {
        members[name].map(Array.init)
    }

    /// Empty where the member is missing.
    func text(_ name: String) throws -> String {
        try members[name].map(JSONValue.string) ?? ""
    }

    func texts(_ name: String) throws -> [String] {
        try elements(name).map(JSONValue.string)
    }

    func reports(_ name: String) throws -> [Report] {
        try elements(name).map { try Report(Array($0)) }
    }

    private func elements(_ name: String) throws -> [ArraySlice<UInt8>] {
        try members[name].map(JSONValue.array) ?? []
    }
}
