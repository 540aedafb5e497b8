// Owns what others have to say while a reducer's call runs: that it ends, or that somebody else goes first.

import CLua

/// Ends the calls of a reducer from another thread: give it to ``Reducer/stop``, and request.
///
/// It is asked once and for good: a reducer that obeys it does not run again, and who wants to go on gives the reducer
/// another. Several reducers may obey one.
///
/// `@unchecked Sendable` because the flag behind the pointer is atomic, and neither the pointer nor the pause ever changes.
package final class ReducerStop: @unchecked Sendable {
    let flag: OpaquePointer
    private let pause: Pause?

    private final class Pause: Sendable {
        let body: @Sendable () -> Int64?

        init(_ body: @escaping @Sendable () -> Int64?) {
            self.body = body
        }
    }

    package init() {
        guard let flag = clua_stop_new() else { fatalError("no memory for a flag") }
        self.flag = flag
        self.pause = nil
    }

    /// Calls `pausing` every few milliseconds while a call runs, on the thread that runs it. It may let others go first, and
    /// returns the nanoseconds that it did: they count for no limit. Nil is a request.
    package init(pausing: @escaping @Sendable () -> Int64?) {
        guard let flag = clua_stop_new() else { fatalError("no memory for a flag") }
        self.flag = flag
        let pause = Pause(pausing)
        self.pause = pause
        let call: @convention(c) (UnsafeMutableRawPointer?) -> Int64 = { context in
            Unmanaged<Pause>.fromOpaque(context!).takeUnretainedValue().body() ?? -1
        }
        clua_stop_pausing(flag, call, Unmanaged.passUnretained(pause).toOpaque())
    }

    deinit {
        clua_stop_free(self.flag)
    }

    /// Has the call that runs now, and any that comes, throw ``ReducerError/stopped(_:)``: within milliseconds, and
    /// whatever the reducer does. Returns at once.
    package func request() {
        clua_stop_request(self.flag)
    }

    /// Whether that was requested.
    package var isRequested: Bool { clua_stop_is_requested(self.flag) }
}
