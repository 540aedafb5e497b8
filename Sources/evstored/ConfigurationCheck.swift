// Owns: `--check-config`: what would come of a start or a reload, without one. Touches neither store nor socket.

import EventModel
import EventStore
import EventStoreServer
import Logging

/// A look through a configuration that could be read, and through the reducers that it leads to.
struct ConfigurationCheck {
    private let configuration: Configuration

    init(_ configuration: Configuration) {
        self.configuration = configuration
    }

    /// Logs what is wrong. A file that is passed over is a warning; a projection without a reducer is a mistake: a start would
    /// show it as faulted, and a reload would refuse it.
    func run(_ logger: Logger) -> ExitStatus {
        do {
            let (files, faults) = try EventStore.checkReducers(configuration.store)
            for file in files {
                guard let fault = file.fault, !file.isProjection else { continue }
                logger.warning("the reducer file \(file.file) is passed over: \(fault.message)")
            }
            for fault in faults { logger.error("projections: \(fault.message)") }
            if let objection = MemoryNeeds(configuration).objection(to: .ofProcess()) { logger.warning("\(objection)") }
            guard faults.isEmpty else { return .configuration }
            let reducers = files.filter { $0.fault == nil }.map(\.name).joined(separator: ", ")
            let projections = configuration.store.projections.joined(separator: ", ")
            print(
                "the configuration is good; data_dir \(configuration.store.directory), "
                    + "socket \(configuration.server.socketPath), reducers: \(reducers.isEmpty ? "none" : reducers), "
                    + "projections: \(projections.isEmpty ? "none" : projections)"
            )
            return .stopped
        } catch {
            logger.error("reducers.directory: \(error.message)")
            return .configuration
        }
    }
}
