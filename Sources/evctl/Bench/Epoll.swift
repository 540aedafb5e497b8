// Owns: waiting for many sockets at once, and for exact moments: the kernel's epoll and timerfd.

import CEpoll
import Glibc

/// Used by one thread at a time.
final class Epoll {
    /// A descriptor that can be read or written without waiting, by the tag with which it was added. A peer that has gone can
    /// be read.
    struct Readiness {
        let tag: Int
        let canRead: Bool
        let canWrite: Bool
    }

    private static let capacity = 256
    private let descriptor: Int32
    private let ready = UnsafeMutablePointer<cepoll_ready>.allocate(capacity: capacity)

    init() {
        descriptor = cepoll_create()
        precondition(descriptor >= 0, "no epoll instance: \(Descriptor.lastReason)")
    }

    deinit {
        close(descriptor)
        ready.deallocate()
    }

    func add(_ number: Int32, tag: Int) {
        let status = cepoll_add(descriptor, number, UInt64(tag))
        precondition(status == 0, "epoll does not take a descriptor: \(Descriptor.lastReason)")
    }

    /// From now on also waits, or no longer waits, until the descriptor can be written to.
    func watchWriting(_ number: Int32, tag: Int, _ isWatched: Bool) {
        let status = cepoll_change(descriptor, number, UInt64(tag), isWatched)
        precondition(status == 0, "epoll does not know a descriptor: \(Descriptor.lastReason)")
    }

    func remove(_ number: Int32) {
        _ = cepoll_remove(descriptor, number)
    }

    /// Waits for the first to be ready, for ever where that is -1 milliseconds. Returns how many are, for `subscript`.
    func wait(milliseconds: Int32) -> Int {
        max(0, Int(cepoll_wait(descriptor, ready, Int32(Self.capacity), milliseconds)))
    }

    subscript(index: Int) -> Readiness {
        let entry = ready[index]
        return Readiness(tag: Int(entry.tag), canRead: entry.can_read, canWrite: entry.can_write)
    }
}

/// Becomes readable at every beat. A timeout would come up to 50 µs late, by the kernel's timer slack.
final class Metronome {
    let descriptor: Int32

    init(periodNanoseconds: UInt64) {
        descriptor = cepoll_metronome(periodNanoseconds)
        precondition(descriptor >= 0, "no timer: \(Descriptor.lastReason)")
    }

    deinit {
        close(descriptor)
    }

    /// Takes note of the beats so far.
    func acknowledge() {
        var beats: UInt64 = 0
        _ = read(descriptor, &beats, MemoryLayout<UInt64>.size)
    }
}
