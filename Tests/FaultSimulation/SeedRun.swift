// Owns: what many lives come to, each with a seed of its own.

/// What a row of seeds has come to.
package struct SeedRun: Summable {
    package struct Violation: Sendable {
        package let seed: UInt64
        package let reason: String
    }

    package private(set) var seeds = 0
    package private(set) var violations: [Violation] = []
    package private(set) var tally = Life.Tally()

    package init() {}

    package static func += (sum: inout SeedRun, other: SeedRun) {
        sum.seeds += other.seeds
        sum.violations += other.violations
        sum.tally += other.tally
    }

    /// Lives the lives of all seeds, `jobs` at a time; begins no more once `limit` things have gone wrong.
    package static func lives(
        _ seeds: Range<UInt64>,
        hasDamage: Bool,
        jobs: Int = 1,
        limit: Int = .max
    ) async -> SeedRun {
        await Jobs.run(seeds, jobs: jobs, isEnough: { $0.violations.count >= limit }) { seed, run in
            var life = Life(seed: seed, hasDamage: hasDamage)
            run.violations += life.violations().map { Violation(seed: seed, reason: $0) }
            run.tally += life.tally
            run.seeds += 1
        }
    }
}
