// Owns: the promises of a sealed segment whatever stands in it: it is opened or refused, and an index can hide nothing that
// `verify` does not see.
//
// The input is an octet of options and a template of the file; no log is made around it.

import SegmentLog

enum SealedTarget {
    static func run(_ bytes: [UInt8]) {
        guard let options = bytes.first, bytes.count <= 16 << 10,
            let content = SealedTemplate.file(bytes.dropFirst())
        else { return }
        // A segment behind it bounds what it can have covered where its footer is damaged.
        let base = content.integer(at: 48, as: UInt64.self)
        let nextBase = options & 1 != 0 && base < 1 << 40 ? RecordID(base + 40) : nil
        let opened = try? SealedSegment(
            HostileFile(content),
            store: HostileStore.identity.store,
            cache: BlockCache(budgetBytes: 1 << 20),
            register: DamageRegister(),
            nextBase: nextBase
        )
        guard let segment = opened, let tail = segment.lastID else { return }
        var report = VerificationReport()
        var progress = VerificationProgress(total: 1) { _ in true }
        let verification = SealedVerification(segment, HostileStore.identity.store, file: "hostile")
        let isClean = (try? verification.run(&report, &progress)) != nil && report.isClean
        let view = LogView(segments: [segment], damage: segment.damage, tail: tail)
        HostileStore.check(view, isClean: isClean, lookUp: 2)
    }
}
