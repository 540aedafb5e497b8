// Owns: what a program is started with (its arguments, its environment) as text: all of it UTF-8, or the first of it
// that is not, named. The standard library and Foundation put U+FFFD in place of what they cannot read; in a store that
// would stand for ever in place of what was meant.
// Refuses to know: what the words mean, and which status a program ends with.

@preconcurrency import Glibc

/// Something that a program was started with, and that is not UTF-8.
package struct NotUTF8: Error, Hashable, CustomStringConvertible {
    /// Such as `argument 2`.
    let what: String
    let bytes: [UInt8]

    /// One sentence for a person, with every byte that is not printable ASCII as `\xE9`.
    package var description: String {
        let digits = Array("0123456789ABCDEF")
        let shown = bytes.map { byte in
            (0x20..<0x7F).contains(byte)
                ? String(Character(Unicode.Scalar(byte))) : "\\x\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
        }
        return "\(what) is not UTF-8: “\(shown.joined())”"
    }
}

package enum ProcessText {
    /// The arguments of this process, without the program's name.
    package static func arguments() throws(NotUTF8) -> [String] {
        try arguments(bytes(CommandLine.unsafeArgv).dropFirst())
    }

    /// The environment of this process. A variable that is not UTF-8 is refused where the program would look at it, and
    /// left out where it is none of its business.
    package static func environment(read isRead: (String) -> Bool) throws(NotUTF8) -> [String: String] {
        try environment(bytes(environ), read: isRead)
    }

    static func arguments(_ words: some Sequence<[UInt8]>) throws(NotUTF8) -> [String] {
        var arguments: [String] = []
        for word in words {
            guard let text = String(validating: word, as: UTF8.self) else {
                throw NotUTF8(what: "argument \(arguments.count + 1)", bytes: word)
            }
            arguments.append(text)
        }
        return arguments
    }

    static func environment(
        _ entries: [[UInt8]],
        read isRead: (String) -> Bool
    ) throws(NotUTF8) -> [String: String] {
        var environment: [String: String] = [:]
        for entry in entries {
            guard let equals = entry.firstIndex(of: UInt8(ascii: "=")) else { continue }
            let value = entry[(equals + 1)...]
            // Good enough to tell whose it is: the names that programs look for are ASCII.
            let name = String(decoding: entry[..<equals], as: UTF8.self)
            guard String(validating: entry, as: UTF8.self) != nil else {
                guard isRead(name) else { continue }
                throw NotUTF8(what: "environment variable \(name)", bytes: Array(value))
            }
            // As getenv does it: of a name that is there twice, the first counts.
            environment[name] = environment[name] ?? String(decoding: value, as: UTF8.self)
        }
        return environment
    }

    /// The strings of a list that a null pointer ends.
    private static func bytes(_ list: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> [[UInt8]] {
        var words: [[UInt8]] = []
        while let word = list?[words.count] {
            words.append(Array(UnsafeRawBufferPointer(start: word, count: strlen(word))))
        }
        return words
    }
}
