// Owns: the check of one record's body as a whole: what its bytes say by the page EventFormat, and whether data and metadata
// are what an append would take.

import EventModel
import EventRecords

/// Checks the bodies of records. One for each thread that checks: it owns a JSON parser and its buffers.
package final class EventAudit {
    private let parser = ObjectParser()

    package init() {}

    /// Why a body says no event, or none that this version can read; nil where it says one.
    package func flaw(in body: UnsafeRawBufferPointer) -> String? {
        EventCheck.flaw(in: body) { text, what in parser.flaw(in: text, what) }
    }
}
