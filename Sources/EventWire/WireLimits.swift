// Owns: how large a command may be. The figures are promises to users, and each is configurable.

/// The limits of what one client may send.
package struct WireLimits: Hashable, Sendable {
    /// Of one argument: an event's data, for instance.
    package var argumentBytes: Int
    /// Of one command: its arguments together.
    package var commandBytes: Int
    /// Of arguments in one command, its name included.
    package var arguments: Int
    /// Of a command typed as a line.
    package var inlineBytes: Int

    package init(
        argumentBytes: Int = 1 << 20,
        commandBytes: Int = 16 << 20,
        arguments: Int = 16_384,
        inlineBytes: Int = 64 << 10
    ) {
        self.argumentBytes = argumentBytes
        self.commandBytes = commandBytes
        self.arguments = arguments
        self.inlineBytes = inlineBytes
    }

    // What declares more than these is taken for garbage rather than for a large command. They are Redis' own bounds.
    static let plausibleBytes = 512 << 20
    static let plausibleArguments = 1 << 20
}
