// Owns: doing many things on several threads, and adding up what they come to.

import Synchronization

/// What has been found, in parts that can be added up.
package protocol Summable: Sendable {
    init()
    static func += (sum: inout Self, other: Self)
}

enum Jobs {
    /// Does `work` for each element, `jobs` at a time, and adds up what it finds. Begins no more once `isEnough`.
    static func run<Element: Sendable, Sum: Summable>(
        _ elements: some RandomAccessCollection<Element> & Sendable,
        jobs: Int,
        isEnough: @escaping @Sendable (Sum) -> Bool = { _ in false },
        _ work: @escaping @Sendable (Element, inout Sum) -> Void
    ) async -> Sum {
        let shared = Shared<Sum>()
        await withTaskGroup { group in
            for _ in 0..<jobs {
                group.addTask {
                    while !shared.sum.withLock({ isEnough($0) }) {
                        let position = shared.next.wrappingAdd(1, ordering: .relaxed).oldValue
                        guard position < elements.count else { return }
                        var found = Sum()
                        work(elements[elements.index(elements.startIndex, offsetBy: position)], &found)
                        shared.sum.withLock { $0 += found }
                    }
                }
            }
        }
        return shared.sum.withLock { $0 }
    }

    private final class Shared<Sum: Summable>: Sendable {
        let next = Atomic(0)
        let sum = Mutex(Sum())
    }
}
