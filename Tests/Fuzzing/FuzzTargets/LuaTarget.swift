// Owns: the promises of the sandbox: whatever a reducer does, it ends, within its memory, and in the same way when it is
// run again.

import Reducers

enum LuaTarget {
    /// Small, so that many programs reach them.
    private static let limits = ReducerLimits(
        instructionsPerEvent: 200_000,
        millisecondsPerEvent: 2000,
        memoryBytes: 8 << 20
    )

    static func run(_ bytes: [UInt8]) {
        let program = LuaProgram.source(bytes)
        let source = ReducerSource(name: "fuzz", text: Array(program.utf8))
        let begin = ContinuousClock.now
        let first = outcome(source)
        let seconds = (ContinuousClock.now - begin).components.seconds
        require(seconds < 10, "it took \(seconds) seconds:\n\(program)")
        let second = outcome(source)
        // What it costs, in time and in memory, is not promised to be the same twice.
        if case .failure(.budget) = first { return }
        if case .failure(.budget) = second { return }
        require(first == second, "two runs differ: \(words(first)) and \(words(second)):\n\(program)")
        // Where the event is out of its hands, it is given whole ones.
        let through = outcome(ReducerSource(name: "fuzz", text: Array(wrapped(program).utf8)))
        if case .failure(.budget) = through { return }
        require(first == through, "with whole events: \(words(first)) and \(words(through)):\n\(program)")
        if case .failure(.syntax(let message)) = first { fatalError("no program: \(message):\n\(program)") }
    }

    private static func wrapped(_ program: String) -> String {
        "local r = (function() \(program) end)() local f = r.reduce r.reduce = function(s, e) return f(s, e) end return r"
    }

    private static func outcome(_ source: ReducerSource) -> Result<[UInt8], ReducerError> {
        do throws(ReducerError) {
            let reducer = try Reducer(source, limits: limits)
            try reduce(reducer)
            require(reducer.memoryBytes <= limits.memoryBytes, "more memory than there is")
            let state = try reducer.stateJSON()
            require(state.count <= limits.memoryBytes, "a state of \(state.count) bytes")
            return .success(state)
        } catch {
            require(!error.description.isEmpty && error.description.utf8.count < 4096)
            return .failure(error)
        }
    }

    private static func reduce(_ reducer: Reducer) throws(ReducerError) {
        var failure: ReducerError?
        let text = Array("fuzz".utf8)
        let data = Array(#"{"list":[1,2.5,null],"text":"é"}"#.utf8)
        text.withUnsafeBytes { text in
            data.withUnsafeBytes { data in
                do throws(ReducerError) {
                    var events = ReducerEvents()
                    events.append(
                        ReducerEvent(
                            eventID: 1,
                            category: text,
                            eventType: text,
                            aggregateID: text,
                            data: data,
                            timestampNanoseconds: 0,
                            recordedAtNanoseconds: 0
                        )
                    )
                    require(try reducer.reduce(events) == 1)
                } catch {
                    failure = error
                }
            }
        }
        if let failure { throw failure }
    }

    private static func words(_ outcome: Result<[UInt8], ReducerError>) -> String {
        switch outcome {
        case .success(let state): String(decoding: state, as: UTF8.self)
        case .failure(let error): error.description
        }
    }
}
