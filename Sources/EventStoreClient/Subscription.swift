// Owns: the events of a subscription as an asynchronous sequence.

public import EventModel
import EventWire
import NIOCore

/// Events as they are delivered: first what is there already, then what is appended, without a gap or a repeat.
///
/// Iterate once. A consumer that falls behind slows the daemon down for this subscription alone: after about a thousand
/// events nothing more is read from its socket until the consumer has caught up. The subscription ends when iteration
/// does: by leaving the loop, by cancelling its task, or by releasing the sequence.
public struct Subscription: AsyncSequence, Sendable {
    /// What is delivered.
    public typealias Element = Event
    /// How it can end.
    public typealias Failure = ClientError

    typealias Producer = NIOThrowingAsyncSequenceProducer<
        Event, any Error, NIOAsyncSequenceProducerBackPressureStrategies.HighLowWatermark, SubscriptionDelegate
    >

    private let producer: Producer

    init(_ producer: Producer) {
        self.producer = producer
    }

    /// Begins to iterate, once.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(producer.makeAsyncIterator())
    }

    /// Waits for one event after the other.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let iterator: Producer.AsyncIterator

        fileprivate init(_ iterator: Producer.AsyncIterator) {
            self.iterator = iterator
        }

        /// Waits for the next event.
        ///
        /// - Returns: Nil once the task is cancelled.
        /// - Throws: ``ClientError/disconnected(reason:)`` when the connection ends; subscribe again from the event
        ///   after the last one received. ``ClientError/store(_:)`` when the daemon ends the subscription.
        public mutating func next() async throws(ClientError) -> Event? {
            do {
                return try await iterator.next()
            } catch let error as ClientError {
                throw error
            } catch {
                // The producer's own way to say that the task was cancelled.
                return nil
            }
        }
    }
}

extension EventStoreClient {
    /// Subscribes to the events that match, on a connection of its own.
    ///
    /// - Parameter from: The first event to deliver: 0 or 1 for everything. Where it is nil the filter's `after`
    ///   decides, and without that only events appended from now on are delivered.
    /// - Throws: ``ClientError/cannotConnect(path:reason:)``, or ``ClientError/store(_:)`` where the daemon refuses.
    public func subscribe(
        _ filter: Filter = .all,
        from: EventID? = nil
    ) async throws(ClientError) -> Subscription {
        let words =
            ["EV.SUBSCRIBE"] + filter.arguments(in: store) + (from.map { ["FROM", $0.argument(in: store)] } ?? [])
        return try await SubscriptionHandler.subscribe(configuration, words)
    }
}
