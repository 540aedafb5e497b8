// Owns what a reducer is before it runs: a name and a text. Where the text came from (a file, a command) is not known.

/// The text of a reducer in Lua, and the name that errors call it by.
package struct ReducerSource: Sendable, Hashable {
    /// Errors name lines of `name.lua`. It is not part of the content.
    package let name: String
    /// Lua source in UTF-8; never bytecode, which is refused.
    package let text: [UInt8]

    package init(name: String, text: [UInt8]) {
        self.name = name
        self.text = text
    }

    /// Two sources with one hash come to the same state over the same events. Computed each time: keep it.
    package var contentHash: ContentHash { ContentHash(text: self.text) }
}
