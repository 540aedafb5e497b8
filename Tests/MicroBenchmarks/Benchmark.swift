// Owns: what a benchmark is, and the one function that every loop runs in, by whose name the ratchet finds it.

/// A hot loop that can be run in isolation.
struct Benchmark: Sendable {
    let name: String
    /// What one operation is.
    let operation: String
    /// Iterations whose instructions are counted; few, since they are executed fifty times slower for it.
    var iterations = 4
    /// Makes all that the loop needs and that is not to be measured.
    let prepare: @Sendable () throws -> Loop

    static let all = append + bytes + log + replies + folds
}

/// A benchmark that is ready to run.
struct Loop {
    /// Operations of one iteration.
    let operations: Int
    /// Bytes that one iteration works through.
    let bytes: Int
    /// One iteration, which leaves things as it found them. Returns something that depends on all it did, so that none of it
    /// can be left out.
    let iterate: () throws -> Int
}

/// Runs the loop. Its name is known to `ratchet.py`, and it is never inlined: what is counted happens between its entry and
/// its return.
@inline(never)
func hotLoop(_ loop: Loop, iterations: Int) throws -> Int {
    var result = 0
    for _ in 0..<iterations { result &+= try loop.iterate() }
    return result
}
