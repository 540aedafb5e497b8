// Owns: the algebra of block lists: which blocks of a segment can hold a record that matches a key expression.

enum BlockSelection {
    /// Blocks that may hold a match, in ascending order. Matching the records themselves remains to be done.
    static func blocks(matching keys: KeyExpression, in segment: any Segment) throws(LogError) -> BlockList {
        guard !keys.isEmpty else { return .unknown }
        var selected: [UInt32] = []
        for clauses in keys.alternatives {
            var remaining: [UInt32]?
            for clause in clauses where remaining != [] {
                var holding: [UInt32] = []
                var known = true
                for key in clause {
                    switch try segment.blocks(holding: key) {
                    case .unknown: known = false
                    case .some(let blocks): holding = union(holding, blocks)
                    }
                }
                // A clause that the index cannot answer rules nothing out.
                guard known else { continue }
                remaining = remaining.map { intersection($0, holding) } ?? holding
            }
            guard let remaining else { return .unknown }
            selected = union(selected, remaining)
        }
        return .some(selected)
    }

    static func union(_ lhs: [UInt32], _ rhs: [UInt32]) -> [UInt32] {
        if lhs.isEmpty { return rhs }
        if rhs.isEmpty { return lhs }
        var result: [UInt32] = []
        result.reserveCapacity(lhs.count + rhs.count)
        var (left, right) = (0, 0)
        while left < lhs.count || right < rhs.count {
            if right == rhs.count || left < lhs.count && lhs[left] < rhs[right] {
                result.append(lhs[left])
                left += 1
            } else {
                if left < lhs.count, lhs[left] == rhs[right] { left += 1 }
                result.append(rhs[right])
                right += 1
            }
        }
        return result
    }

    static func intersection(_ lhs: [UInt32], _ rhs: [UInt32]) -> [UInt32] {
        var result: [UInt32] = []
        var (left, right) = (0, 0)
        while left < lhs.count, right < rhs.count {
            if lhs[left] == rhs[right] {
                result.append(lhs[left])
                left += 1
                right += 1
            } else if lhs[left] < rhs[right] {
                left += 1
            } else {
                right += 1
            }
        }
        return result
    }
}
