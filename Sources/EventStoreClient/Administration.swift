// Owns: what an operator asks of the daemon.

extension EventStoreClient {
    /// Returns the state of the daemon as lines of `key:value` under `# Section` headings.
    public func info() async throws(ClientError) -> String {
        String(decoding: try await json(["EV.INFO"]), as: UTF8.self)
    }

    /// Begins a new log segment. Returns a JSON object: `rolled`, and `first_id` and `last_id` of what was rolled.
    public func roll() async throws(ClientError) -> [UInt8] {
        try await json(["EV.ROLL"])
    }

    /// Saves the state of the projections. Returns a JSON object: `snapshots`.
    public func snapshot() async throws(ClientError) -> [UInt8] {
        try await json(["EV.SNAPSHOT"])
    }

    /// Merges sealed segments. Returns a JSON object: segments and bytes before and after.
    public func compact() async throws(ClientError) -> [UInt8] {
        try await json(["EV.COMPACT"])
    }

    /// Checks every byte of the log. Returns a JSON object: what was checked, `damaged` ids and `problems`.
    public func verify() async throws(ClientError) -> [UInt8] {
        try await json(["EV.VERIFY"])
    }
}
