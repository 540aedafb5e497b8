// Owns the name that a reducer's text has by its content. A snapshot carries it, so that a state is never taken for one
// that another text, or another runtime, would have made. Knows nothing of snapshots.

/// 128-bit FNV-1a over the runtime's version and a reducer's text. Printed as 32 hexadecimal digits.
///
/// It tells texts apart that differ by accident, not by design: whoever can place reducers is trusted with the states.
package struct ContentHash: Sendable, Hashable, CustomStringConvertible {
    /// Raised whenever the same text could come to another state: new Lua, other JSON, another sandbox.
    static let runtimeVersion = "evstore reducer 1\n"

    package let value: UInt128

    /// The hash of a text as this runtime runs it.
    /// The hash as it was stored.
    package init(value: UInt128) {
        self.value = value
    }

    init(text: [UInt8]) {
        var hash = UInt128(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
        for byte in Self.runtimeVersion.utf8 { Self.mix(byte, into: &hash) }
        for byte in text { Self.mix(byte, into: &hash) }
        self.value = hash
    }

    /// What `description` printed; nil for anything else.
    package init?(_ description: String) {
        guard description.utf8.count == 32, description.utf8.allSatisfy(Self.isHexDigit),
            let value = UInt128(description, radix: 16)
        else { return nil }
        self.value = value
    }

    package var description: String {
        let digits = String(self.value, radix: 16)
        return String(repeating: "0", count: 32 - digits.count) + digits
    }

    private static func mix(_ byte: UInt8, into hash: inout UInt128) {
        hash = (hash ^ UInt128(byte)) &* 0x0000_0000_0100_0000_0000_0000_0000_013b
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}
