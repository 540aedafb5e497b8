// Owns: a server that says what a test tells it to, over a real Unix domain socket.
// Refuses to know: events and stores. A script answers each command in turn.

import EventModel
import EventStoreClient
import EventWire
import NIOCore
import NIOPosix

/// What to do about a command.
enum Answer: Sendable {
    case bytes([UInt8])
    case close
    case silence

    static func text(_ text: String) -> Answer {
        .bytes(Array(text.utf8))
    }
}

final class FakeServer: Sendable {
    /// Called on an event loop for each command but HELLO, with its words.
    typealias Script = @Sendable ([String]) -> Answer

    let path: String
    private let channel: any Channel

    private init(path: String, channel: any Channel) {
        self.path = path
        self.channel = channel
    }

    static func start(greeting: String = "%0\r\n", _ script: @escaping Script) async throws -> FakeServer {
        let path = "/tmp/evstore-fake-\(UInt64.random(in: 0 ... .max)).sock"
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(FakeHandler(greeting, script))
                }
            }
            .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true)
            .get()
        return FakeServer(path: path, channel: channel)
    }

    func stop() async {
        try? await channel.close().get()
    }
}

private final class FakeHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let greeting: String
    private let script: FakeServer.Script
    private var decoder = RESPDecoder()
    private var unread = ByteBuffer()

    init(_ greeting: String, _ script: @escaping FakeServer.Script) {
        self.greeting = greeting
        self.script = script
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        unread.writeBuffer(&buffer)
        while let words = nextCommand() {
            switch words[0] == "HELLO" ? .text(greeting) : script(words) {
            case .bytes(let bytes): context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
            case .close: return context.close(promise: nil)
            case .silence: break
            }
        }
    }

    private func nextCommand() -> [String]? {
        let (words, consumed) = unread.withUnsafeReadableBytes { bytes -> ([String]?, Int) in
            switch try? decoder.next(bytes) {
            case .command(let arguments, let consumed):
                ((0..<arguments.count).map { String(decoding: arguments[$0], as: UTF8.self) }, consumed)
            case .incomplete(let consumed), .refused(_, let consumed): (nil, consumed)
            case nil: (nil, bytes.count)
            }
        }
        unread.moveReaderIndex(forwardBy: consumed)
        return words
    }
}

/// An event as RESP3 bytes; its data say its id.
func eventBytes(_ id: UInt64) -> [UInt8] {
    func bulk(_ text: String) -> String {
        "$\(text.utf8.count)\r\n\(text)\r\n"
    }
    let fields = [
        ("event_id", ":\(id)\r\n"), ("category", bulk("order")), ("event_type", bulk("created")),
        ("aggregate_id", bulk("order-001")), ("data", bulk(#"{"n":\#(id)}"#)), ("timestamp", bulk("5")),
        ("version", ":1\r\n"), ("recorded_at", bulk("6.5")),
    ]
    return Array("%8\r\n".utf8) + fields.flatMap { Array((bulk($0.0) + $0.1).utf8) }
}

func pushBytes(_ id: UInt64) -> [UInt8] {
    Array(">3\r\n$8\r\nev.event\r\n:1\r\n".utf8) + eventBytes(id)
}

extension EventStoreClient.Configuration {
    /// For a machine on which hundreds of tests run at once.
    static func patient(_ socketPath: String) -> Self {
        var configuration = Self(socketPath: socketPath)
        configuration.connectTimeoutMilliseconds = 120_000
        return configuration
    }
}
