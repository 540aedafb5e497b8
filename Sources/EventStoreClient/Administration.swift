// Owns: what an operator asks of the daemon.

public import EventModel

extension EventStoreClient {
    /// Returns the state of the daemon as lines of `key:value` under `# Section` headings.
    public func info() async throws(ClientError) -> String {
        String(decoding: try await json(["EV.INFO"]), as: UTF8.self)
    }

    /// Returns the events that the daemon knows to be damaged on disk, in order: none where the store is whole.
    public func damage() async throws(ClientError) -> [ClosedRange<EventID>] {
        let line = try await info().split(whereSeparator: \.isNewline).first { $0.hasPrefix("damaged:") }
        return (line?.dropFirst("damaged:".count).split(separator: ",") ?? []).compactMap { range in
            let bounds = range.split(separator: "-").compactMap { EventID(decimal: String($0)) }
            guard bounds.count == 2, bounds[0] <= bounds[1] else { return nil }
            return bounds[0]...bounds[1]
        }
    }

    /// Returns who this client is for the daemon, and what it may do.
    public func whoAmI() async throws(ClientError) -> Identity {
        let reply = try await request(["EV.WHOAMI"])
        guard let identity = Identity(reply) else { throw .unexpected("an identity", reply) }
        return identity
    }

    /// Begins a new log segment. Returns a JSON object: `rolled`, and `first_id` and `last_id` of what was rolled.
    public func roll() async throws(ClientError) -> [UInt8] {
        try await json(["EV.ROLL"])
    }

    /// Has the daemon read its configuration and its reducers anew. Returns a JSON object: `reducers` and `projections`, by
    /// name; `passed_over`, the files that are no reducers, each with `file` and `reason`; and `needs_restart`, settings
    /// that are given otherwise than at the start, and that only a restart takes up.
    ///
    /// - Throws: ``ClientError/store(_:)`` where nothing was reloaded, with the reason.
    public func reload() async throws(ClientError) -> [UInt8] {
        try await json(["EV.RELOAD"])
    }

    /// Saves the state of the projections. Returns a JSON object: `snapshots`.
    public func snapshot() async throws(ClientError) -> [UInt8] {
        try await json(["EV.SNAPSHOT"])
    }

    /// Merges sealed segments. Returns a JSON object: segments and bytes before and after.
    public func compact() async throws(ClientError) -> [UInt8] {
        try await json(["EV.COMPACT"])
    }

    /// Checks every byte of the log and the snapshots. Returns a JSON object: what was checked, `damaged` ids, `problems` and
    /// the `files` they are in. Takes as long as reading everything does; meanwhile `verify_percent` in ``info()``, asked
    /// for on another connection, says how far it is.
    public func verify() async throws(ClientError) -> [UInt8] {
        try await json(["EV.VERIFY"])
    }
}
