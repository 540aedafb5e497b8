// Owns: the buffer before standard output. A listing writes it in large pieces; a live one flushes each event.

final class StandardOutput {
    private static let capacity = 1 << 16
    private let descriptor = Descriptor.standardOutput
    private let pager: Pager?
    private var buffer: [UInt8] = []

    init(through pager: Pager? = nil) {
        self.pager = pager
    }

    /// Lets `body` append to the buffer: JSON that the terminal may see, or lines that were shown to it.
    func write(_ body: (inout [UInt8]) -> Void) throws {
        body(&buffer)
        if buffer.count >= Self.capacity { try flush() }
    }

    func flush() throws {
        defer { buffer.removeAll(keepingCapacity: true) }
        guard !buffer.isEmpty else { return }
        if let pager { try pager.write(buffer) } else { try descriptor.write(buffer) }
    }

    /// One line, at once.
    func print(line: ShownText) throws {
        try write { $0 += "\(line.text)\n".utf8 }
        try flush()
    }

    /// One JSON value and a line break, at once.
    func print(json: [UInt8], on terminal: Terminal) throws {
        try write { $0 += terminal.shown(json: json) + [UInt8(ascii: "\n")] }
        try flush()
    }
}

extension GlobalOptions {
    /// Runs a listing: what `body` writes goes through a pager where one is wanted, and all of it is shown whatever `body`
    /// throws, since what has come is worth having. Where whoever reads it goes, the process ends, waiting or not.
    func list(
        in invocation: Invocation,
        isPaged: Bool,
        _ body: (StandardOutput) async throws -> Void
    ) async throws {
        invocation.interruption.endWithReaderOfOutput()
        let pager = isPaged && !noPager ? Pager(invocation) : nil
        let output = StandardOutput(through: pager)
        do {
            try await body(output)
        } catch {
            try? output.flush()
            try? pager?.finish()
            throw error
        }
        try output.flush()
        try pager?.finish()
    }
}
