// Owns: the buffer before standard output. A listing writes it in large pieces; a live one flushes each event.

final class StandardOutput {
    private static let capacity = 1 << 16
    private let descriptor = Descriptor.standardOutput
    private var buffer: [UInt8] = []

    /// Lets `body` append to the buffer.
    func write(_ body: (inout [UInt8]) -> Void) throws {
        body(&buffer)
        if buffer.count >= Self.capacity { try flush() }
    }

    func flush() throws {
        defer { buffer.removeAll(keepingCapacity: true) }
        try descriptor.write(buffer)
    }

    /// One line, at once.
    func print(line: [UInt8]) throws {
        try write { $0 += line + [UInt8(ascii: "\n")] }
        try flush()
    }

    func print(line: String) throws {
        try print(line: Array(line.utf8))
    }
}
