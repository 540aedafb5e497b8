// Owns: how much a background thread gives way to others: until what it does is urgent, and again when it no longer is.

/// Used by the thread that it is about.
struct ThreadPriority {
    private let resting: Int32
    private var isUrgent = false

    /// The thread has begun with this niceness.
    init(resting: Int32) { self.resting = resting }

    /// To become urgent takes that the system allows it: root, or a limit on niceness of the service (LimitNICE). A thread that may
    /// not goes on as it did.
    mutating func set(isUrgent: Bool) {
        guard isUrgent != self.isUrgent else { return }
        self.isUrgent = isUrgent
        NamedThread.setNiceness(isUrgent ? 0 : resting)
    }
}
