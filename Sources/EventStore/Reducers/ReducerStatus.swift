// Owns: what can be said of the reducers' files, by a store and without one.

package import Disk
package import EventModel

/// A file of the reducers' folder, and what has come of it.
package struct ReducerStatus: Sendable, Equatable {
    /// The reducer's name: that of the file, without `.lua`.
    package let name: String
    /// Absolute path of the file.
    package let file: String
    /// Why it is no reducer; nil where it is one.
    package let fault: StoreError?
    /// Whether a projection is configured that is kept by it.
    package let isProjection: Bool

    package init(name: String, file: String, fault: StoreError?, isProjection: Bool) {
        self.name = name
        self.file = file
        self.fault = fault
        self.isProjection = isProjection
    }
}

extension EventStore {
    /// Every file of the reducers' folder, as it was when it was read last, with what has come of it.
    package func reducerStatuses() -> [ReducerStatus] {
        reducers.statuses(projections: projections.statuses().map(\.name))
    }

    /// Looks through the reducers' folder that a store with these options would have, and opens none: its files, and why
    /// each projection that could not be made live could not. Throws where the folder cannot be read.
    package static func checkReducers(
        _ options: StoreOptions,
        disk: any Disk = PosixDisk()
    ) throws(StoreError) -> (files: [ReducerStatus], faults: [StoreError]) {
        let library = ReducerLibrary(
            disk,
            directory: options.reducersDirectory,
            limits: options.reducerLimits,
            report: { _ in }
        )
        try library.reload()
        var faults: [StoreError] = []
        for name in options.projections {
            do throws(StoreError) {
                _ = try library.source(name)
            } catch {
                faults.append(error)
            }
        }
        return (library.statuses(projections: options.projections), faults)
    }
}
