// Owns: the exit codes of the daemon, after sysexits.h; systemd's unit restarts on some of them and not on others.

import EventStore
import EventStoreServer
import SegmentLog

enum ExitStatus: Int32 {
    case stopped = 0
    case usage = 64
    /// The store is corrupt, or of an unknown format.
    case dataError = 65
    /// The data directory, or the socket, is in use.
    case unavailable = 69
    case ioError = 74
    case configuration = 78

    /// A server that could not be started.
    init(starting error: any Error) {
        let isInUse = (error as? Server.StartError)?.isInUse ?? false
        self = isInUse ? .unavailable : .configuration
    }

    init(_ error: OpenError) {
        switch error {
        case .log(let error):
            switch error {
            case .disk, .noSpace: self = .ioError
            case .corrupt, .later, .unreadable, .unknownFormat: self = .dataError
            case .inUse: self = .unavailable
            case .missing, .ended: self = .configuration
            }
        }
    }
}
