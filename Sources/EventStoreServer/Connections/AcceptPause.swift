// Owns: what happens when the system has no descriptor, or no memory, for one more connection: taking connections in
// pauses for a moment. Those that have come wait in the kernel's queue, those that are served do not notice.

import NIOCore

/// On the listening channel. Used on its event loop alone.
final class AcceptPause: ChannelInboundHandler {
    typealias InboundIn = Channel

    private static let pause = TimeAmount.milliseconds(100)
    /// How often it is reported.
    private static let reportInterval = TimeAmount.seconds(60)

    private let report: @Sendable (String) -> Void
    private var isPaused = false
    private var reported: NIODeadline?

    init(report: @escaping @Sendable (String) -> Void) {
        self.report = report
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is IOError else { return context.fireErrorCaught(error) }
        guard !isPaused else { return }
        isPaused = true
        if reported.map({ NIODeadline.now() - $0 > Self.reportInterval }) ?? true {
            reported = .now()
            report("no connection can be taken in: \(error)")
        }
        // The socket stays readable, so the channel must not look at it: only without reading by itself it does not.
        try? context.channel.syncOptions?.setOption(.autoRead, value: false)
        let (bound, eventLoop) = (
            NIOLoopBound((self, context.channel), eventLoop: context.eventLoop), context.eventLoop
        )
        eventLoop.scheduleTask(in: Self.pause) {
            let (handler, channel) = bound.value
            handler.isPaused = false
            try? channel.syncOptions?.setOption(.autoRead, value: true)
        }
    }
}
