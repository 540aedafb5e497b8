// Owns: every bit of every file of a small store, flipped one at a time, and what must come of it:
//
//   * the store opens, or refuses for a reason; only `store.json` is reason enough;
//   * every record is given as it was, or refused by name: by id, in scans of both directions, by key;
//   * in a raw segment it costs records of one frame at most;
//   * the damage is told: by opening, by `verify`, or by what is said of a snapshot;
//   * snapshots are passed over, never believed;
//   * commits go on, under ids that were never given.

import DiskSimulation
import SegmentLog

package struct BitFlips: Sendable {
    package struct Report: Summable {
        package var flips = 0
        /// The store did not open, and said why.
        package var refused = 0
        /// It opened, and some records were refused by name.
        package var degraded = 0
        /// It opened, every record was given, and the damage was told.
        package var whole = 0
        /// Nothing was told, because the bit means nothing.
        package var meaningless = 0
        /// Records refused, over all flips.
        package var recordsRefused = 0
        package var violations: [String] = []

        package init() {}

        package static func += (sum: inout Report, other: Report) {
            sum.flips += other.flips
            sum.refused += other.refused
            sum.degraded += other.degraded
            sum.whole += other.whole
            sum.meaningless += other.meaningless
            sum.recordsRefused += other.recordsRefused
            sum.violations += other.violations
        }
    }

    /// A bit of a file.
    private struct Place: Sendable {
        let path: String
        let offset: Int
        let bit: Int
    }

    private let store: Life
    private let places: [Place]

    /// Every `step`-th bit, from the one at `first` on.
    package init(step: Int = 1, first: Int = 0) {
        var life = Life(segmentBytes: 16 << 10, spareFiles: 0)
        life.live(.calm, Life.smallStore, isLast: false)
        life.disk.restart(seed: 0)
        store = life
        let files = life.disk.image.filter { $0.value != nil }.sorted { $0.key < $1.key }
        let all = files.lazy.flatMap { path, bytes in
            (0..<(bytes ?? []).count * 8).lazy.map { Place(path: path, offset: $0 / 8, bit: $0 % 8) }
        }
        places = all.enumerated().filter { $0.offset % step == first % step }.map(\.element)
    }

    /// What the store consists of, each file with its bytes, before any damage.
    package var files: [(path: String, bytes: Int)] {
        store.disk.image.compactMap { path, bytes in bytes.map { (path, $0.count) } }.sorted { $0.path < $1.path }
    }

    package func run(jobs: Int = 1, limit: Int = .max) async -> Report {
        await Jobs.run(places, jobs: jobs, isEnough: { $0.violations.count >= limit }) { flip($0, &$1) }
    }

    private func flip(_ place: Place, _ report: inout Report) {
        var life = store.copy()
        life.disk.flip(bit: place.bit, at: place.offset, of: place.path)
        life.damaged = [Life.Damage(path: place.path, kind: .flip, isNewest: false)]
        report.flips += 1
        let outcome = life.lookAtEverything()
        switch outcome {
        case .refused: report.refused += 1
        case .opened(let refused, let frames, let isTold):
            report.recordsRefused += refused
            // What stands before and behind a frame of a raw segment is good.
            if frames > 1, place.path.hasSuffix(".active") {
                life.violations.append("it costs records of \(frames) frames")
            }
            if refused > 0 {
                report.degraded += 1
            } else if isTold {
                report.whole += 1
            } else if isMeaningless(place) {
                report.meaningless += 1
            } else {
                life.violations.append("nothing tells of the damage")
            }
        }
        report.violations += life.violations.map {
            "bit \(place.bit) of byte \(place.offset) of \(place.path): \($0)"
        }
    }

    /// Whether a bit lies in the bytes of a raw file, of which the format says that they mean nothing: between the zeros that
    /// the writer leaves behind the last frame and the last page.
    private func isMeaningless(_ place: Place) -> Bool {
        guard place.path.hasSuffix(".active"), let bytes = store.disk.image[place.path] ?? nil else { return false }
        var offset = 8_192
        while bytes[offset..<offset + 4].elementsEqual("FRAM".utf8) {
            let body = (0..<4).reduce(0) { $0 | Int(bytes[offset + 44 + $1]) << (8 * $1) }
            offset += (56 + body + 7) / 8 * 8
        }
        return (offset + 56..<bytes.count - 4_096).contains(place.offset)
    }
}
