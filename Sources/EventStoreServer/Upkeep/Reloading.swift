// Owns: what EV.RELOAD and EV.REDUCERS tell: what is on hand, what is not and why, and what waits for a restart.

import EventModel
package import EventStore
import EventWire

/// What came of reading the configuration and the reducers anew.
package struct ReloadReport: Sendable {
    /// The files of the reducers' folder.
    package var reducers: [ReducerStatus]
    /// The projections that are live now.
    package var projections: [String]
    /// The keys of settings that are given otherwise than at the start, and that only a restart takes up.
    package var awaitingRestart: [String]

    package init(reducers: [ReducerStatus], projections: [String], awaitingRestart: [String]) {
        self.reducers = reducers
        self.projections = projections
        self.awaitingRestart = awaitingRestart
    }
}

extension ServerCore {
    func reload() throws(StoreError) -> ReloadReport {
        guard let reload = options.reload else {
            throw StoreError(.other, "this server runs without a configuration, and has nothing to reload")
        }
        return try reload(store, replace(rules:)).get()
    }
}

extension JSONText {
    /// The answer of EV.RELOAD.
    static func reload(_ report: ReloadReport) -> JSONText {
        .object([
            ("reducers", .array(report.reducers.filter { $0.fault == nil }.map { .string($0.name) })),
            ("projections", .array(report.projections.map(JSONText.string))),
            (
                "passed_over",
                .array(
                    report.reducers.compactMap { status in
                        status.fault.map { fault in
                            .object([("file", .string(status.file)), ("reason", .string(fault.message))])
                        }
                    }
                )
            ),
            ("needs_restart", .array(report.awaitingRestart.map(JSONText.string))),
        ])
    }
}

extension ReplyEncoder {
    mutating func reducers(_ statuses: [ReducerStatus]) {
        array(statuses.count)
        for status in statuses {
            map(status.fault == nil ? 4 : 5)
            bulk("name")
            bulk(status.name)
            bulk("file")
            bulk(status.file)
            bulk("state")
            bulk(status.fault == nil ? "ok" : "error")
            bulk("projection")
            bulk(status.isProjection ? "yes" : "no")
            guard let fault = status.fault else { continue }
            bulk("reason")
            bulk(fault.message)
        }
    }
}
