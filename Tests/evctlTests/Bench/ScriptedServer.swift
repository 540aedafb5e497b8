import EventStore
import Glibc

@testable import evctl

/// A server of one connection, which does what a closure does and then closes it.
final class ScriptedServer: Sendable {
    let path: String
    private let thread: NamedThread

    init(_ directory: TemporaryDirectory, _ body: @escaping @Sendable (Peer) -> Void) throws {
        path = directory.path + "/scripted"
        let listener = try UnixStream.listen(path)
        thread = NamedThread("scripted") {
            let peer = Peer(descriptor: accept(listener, nil, nil))
            body(peer)
            close(peer.descriptor)
            close(listener)
        }
    }

    func end() {
        thread.join()
    }

    struct Peer {
        let descriptor: Int32

        /// Waits for bytes; how many came, 0 at the end.
        func receive() -> Int {
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            return max(0, recv(descriptor, &buffer, buffer.count, 0))
        }

        func send(_ text: String) {
            _ = Array(text.utf8).withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
        }
    }
}
