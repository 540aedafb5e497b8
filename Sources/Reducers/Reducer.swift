// Owns a running reducer: its state, how many events made it, and the rule that a failed one does not go on. Knows
// nothing of files, threads or where events come from; which events a reducer is given is its caller's choice.

/// A reducer and its state, folded over the events it is given.
///
/// One thread at a time: it may move between threads, and is never shared by two.
///
/// **After a failure.** When `reset`, `restore` or `reduce` throws, the state may be half changed, for `reduce` works
/// on it in place. So `reduce` and `stateJSON` throw that same error again, until `reset` or `restore` succeeds. A
/// failure of `stateJSON` is not one of these: encoding changes nothing.
///
/// **What ends a call**: its limits, and ``stop``. No `pcall` of the reducer's catches either.
///
/// **The same events give the same state**, byte for byte, wherever they are folded: see <doc:WritingAReducer>.
package final class Reducer {
    package let source: ReducerSource
    package let limits: ReducerLimits
    /// The events that the reducer asks for. The caller applies it.
    package let selection: ReducerSelection
    /// How many events made the state: since the last `reset`, or on top of what `restore` was told.
    package private(set) var eventsProcessed: UInt64 = 0

    /// By what another thread can end the calls of this reducer; nil for by nothing. It is kept by `reset` and `restore`.
    package var stop: ReducerStop? {
        didSet { self.machine.obey(self.stop) }
    }

    private var machine: Machine
    private var failure: ReducerError?

    /// Compiles and runs the source and makes its initial state. `stop` can end that already.
    package init(
        _ source: ReducerSource,
        limits: ReducerLimits = .init(),
        stop: ReducerStop? = nil
    ) throws(ReducerError) {
        self.source = source
        self.limits = limits
        self.stop = stop
        self.machine = try Machine(name: source.name, limits: limits)
        self.machine.obey(stop)
        try self.machine.load(source.text)
        self.selection = self.machine.selection
        try self.machine.start()
    }

    /// Goes back to the initial state. The source is run anew, so that nothing of the past is left, hidden or not.
    package func reset() throws(ReducerError) {
        try self.replaceState(eventsProcessed: 0) { machine throws(ReducerError) in try machine.start() }
    }

    /// Goes to a state that `stateJSON` returned, made by `eventsProcessed` events. The source is run anew.
    package func restore(stateJSON: [UInt8], eventsProcessed: UInt64) throws(ReducerError) {
        try self.replaceState(eventsProcessed: eventsProcessed) { machine throws(ReducerError) in
            try machine.restore(stateJSON)
        }
    }

    /// Folds events into the state, one after the other, and returns how many: not all where they take long, but at least one. The
    /// caller has applied the selection. After a throw `eventsProcessed` tells which of them it was that failed.
    package func reduce(_ events: ReducerEvents) throws(ReducerError) -> Int {
        if let failure = self.failure { throw failure }
        var done = 0
        defer { self.eventsProcessed += UInt64(done) }
        do {
            try self.machine.reduce(events, done: &done)
        } catch {
            self.failure = error
            throw error
        }
        return done
    }

    /// What the states of all reducers have of memory that malloc does not know of, in bytes.
    package static var slabBytes: Int { Machine.slabBytes }

    /// Whether `reduce` may read a field of its events. Of one that it does not, an event may lack it, and the state is the same.
    package func reads(_ field: ReducerEvent.Field) -> Bool { self.machine.reads(field) }

    /// The state as JSON: UTF-8, keys sorted bytewise, no white space. `restore` takes it back.
    package func stateJSON() throws(ReducerError) -> [UInt8] {
        if let failure = self.failure { throw failure }
        return try self.machine.encode()
    }

    /// Throws what `stateJSON` would. Takes less: nothing is sorted and nothing copied.
    package func checkState() throws(ReducerError) {
        if let failure = self.failure { throw failure }
        try self.machine.checkState()
    }

    /// What Lua holds now, in bytes: the state, and garbage not yet collected.
    package var memoryBytes: Int { self.machine.memoryBytes }

    private func replaceState(
        eventsProcessed: UInt64,
        _ body: (borrowing Machine) throws(ReducerError) -> Void
    ) throws(ReducerError) {
        do {
            self.machine = try Machine(name: self.source.name, limits: self.limits)
            self.machine.obey(self.stop)
            try self.machine.load(self.source.text)
            try body(self.machine)
            self.eventsProcessed = eventsProcessed
            self.failure = nil
        } catch {
            self.failure = error
            throw error
        }
    }
}
