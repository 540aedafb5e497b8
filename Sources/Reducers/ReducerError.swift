// Owns the ways a reducer can fail, with texts that name the file and the line, or the place in the state.

/// Why a reducer was refused or stopped. The texts are for people; nothing in them is promised.
package enum ReducerError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The source is not Lua text that compiles.
    case syntax(String)
    /// The source runs, but what it returns is not a reducer: no table, no `reduce`, an unknown field.
    case invalid(String)
    /// The reducer raised an error, by `error` or by a mistake such as arithmetic on nil.
    case fault(String)
    /// The reducer ran past its instructions, its time or its memory.
    case budget(String)
    /// The call was ended by ``ReducerStop/request()``. It says nothing of the reducer.
    case stopped(String)
    /// The state is not what JSON can hold, or the state to restore is not JSON.
    case state(String)

    package var description: String {
        switch self {
        case .syntax(let text), .invalid(let text), .fault(let text), .budget(let text), .stopped(let text),
            .state(let text):
            text
        }
    }
}
