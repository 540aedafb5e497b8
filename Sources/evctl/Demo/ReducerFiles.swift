// Owns: finding the reference model's reducers, installed or in a checkout.

import Glibc

enum ReducerFiles {
    /// The directory of `order_counts.lua` and its siblings.
    static func directory(_ environment: (String) -> String?) throws(Failure) -> String {
        if let named = environment("EVCTL_REDUCERS") {
            guard holdsReducers(named) else {
                throw Failure(.error, "EVCTL_REDUCERS: there are no reducers in \(named)")
            }
            return named
        }
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let workingDirectory = getcwd(&buffer, buffer.count).map { String(cString: $0) }
        let executable = realpath("/proc/self/exe", &buffer).map { parent(of: String(cString: $0)) }
        var candidates = executable.map { [$0 + "/../share/evstore/reducers"] } ?? []
        for start in [workingDirectory, executable] {
            var directory = start ?? ""
            while !directory.isEmpty {
                candidates.append(directory + "/config/reducers")
                directory = parent(of: directory)
            }
        }
        guard let found = candidates.first(where: holdsReducers) else {
            throw Failure(
                .error,
                "the reference reducers are not to be found beside the program, nor in config/reducers; EVCTL_REDUCERS "
                    + "may name their directory"
            )
        }
        return found
    }

    private static func holdsReducers(_ directory: String) -> Bool {
        access(directory + "/order_counts.lua", R_OK) == 0
    }

    /// Empty above the root.
    private static func parent(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    }
}
