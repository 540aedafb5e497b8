// Owns: a file of events that is read as a whole, because all of it is appended or none.

import EventModel

enum EventFile {
    /// The events of all lines, in their order.
    ///
    /// - Throws: ``Failure`` with the number of the first line that is no event, or where there is none at all.
    static func events(_ descriptor: Descriptor, maximumLineBytes: Int) throws -> [NewEvent] {
        var reader = LineReader(descriptor, maximumLineBytes: maximumLineBytes)
        var events: [NewEvent] = []
        while true {
            switch try reader.next() {
            case .line(let line):
                do {
                    if let event = try InputLine.event(line) { events.append(event) }
                } catch {
                    throw Failure(.error, "line \(reader.position.lines): \(error)")
                }
            case .overlong:
                throw Failure(.error, "line \(reader.position.lines + 1): \(InputLine.overlong(maximumLineBytes))")
            case .pause: continue
            case .end:
                guard !events.isEmpty else { throw Failure(.error, "there is no event in it; expected one a line") }
                return events
            }
        }
    }
}
