// Owns: asking which reducers there are.

import EventModel
import EventWire

/// A file of the daemon's folder of reducers.
public struct ReducerStatus: Hashable, Sendable {
    /// The reducer's name.
    public var name: String
    /// The absolute path of its file.
    public var file: String
    /// Why the file is passed over; nil where it is a reducer.
    public var fault: String?
    /// Whether a projection is configured that is kept by it.
    public var isProjection: Bool
}

extension EventStoreClient {
    /// Returns the files of the reducers' folder, as the daemon found them at its start or at the last reload.
    public func reducers() async throws(ClientError) -> [ReducerStatus] {
        let reply = try await request(["EV.REDUCERS"])
        guard case .array(let values) = reply else { throw .unexpected("reducers", reply) }
        var statuses: [ReducerStatus] = []
        for value in values {
            guard let name = value[field: "name"]?.text, let file = value[field: "file"]?.text else {
                throw .unexpected("a reducer", value)
            }
            statuses.append(
                ReducerStatus(
                    name: name,
                    file: file,
                    fault: value[field: "reason"]?.text,
                    isProjection: value[field: "projection"]?.text == "yes"
                )
            )
        }
        return statuses
    }
}
