// Owns: what the loops of a load tell those who watch it, and what they are told: how far they are, and whether to stop.

import Synchronization

/// May be used from any thread.
final class LoadWatch: Sendable {
    private struct Progress {
        var units: UInt64 = 0
        var meter: ProgressMeter
    }

    private let interruption: Interruption
    private let progress: Mutex<Progress>

    init(_ meter: sending ProgressMeter, _ interruption: Interruption) {
        progress = Mutex(Progress(meter: meter))
        self.interruption = interruption
    }

    var isInterrupted: Bool {
        interruption.isRequested
    }

    func add(_ units: Int) {
        progress.withLock { progress in
            progress.units += UInt64(units)
            progress.meter.update(progress.units)
        }
    }

    func end() {
        progress.withLock { $0.meter.clear() }
    }
}
