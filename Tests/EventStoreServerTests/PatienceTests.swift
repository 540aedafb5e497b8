// Owns: when a connection that has not gone on is to blame for it.

import Glibc
import NIOCore
import NIOPosix
import Testing

@testable import EventStoreServer

@Suite struct PatienceTests {
    @Test("A byte is enough while nobody waits; a MiB while others do, and an eighth of what was to come")
    func enough() {
        #expect(Deadline.isEnough(1, of: 64 << 20, othersAreWaiting: false))
        #expect(!Deadline.isEnough(0, of: 0, othersAreWaiting: false))
        #expect(Deadline.isEnough(1 << 20, of: 8 << 20, othersAreWaiting: true))
        #expect(!Deadline.isEnough((1 << 20) - 1, of: 1 << 20, othersAreWaiting: true))
        #expect(Deadline.isEnough(8 << 20, of: 64 << 20, othersAreWaiting: true))
        #expect(!Deadline.isEnough((8 << 20) - 1, of: 64 << 20, othersAreWaiting: true))
    }

    @Test(
        "A loop that comes late to a deadline looks once more before it blames anybody; one that comes in time does not"
    )
    func late() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        for isHeldUp in [true, false] {
            let graces = loop.makePromise(of: [Bool].self)
            try await loop.submit {
                let box = NIOLoopBoundBox<Deadline?>(nil, eventLoop: loop)
                box.value = Deadline(0, in: 1, loop) {
                    let again = box.value?.grace(loop) {
                        // However late it is now.
                        _ = usleep(200_000)
                        graces.succeed([true, box.value?.grace(loop) {} != nil])
                    }
                    box.value = again
                    if again == nil { graces.succeed([false]) }
                }
                if isHeldUp { loop.scheduleTask(in: .milliseconds(900)) { _ = usleep(400_000) } }
            }.get()
            #expect(try await graces.futureResult.get() == (isHeldUp ? [true, false] : [false]))
        }
    }
}
