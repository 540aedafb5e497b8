import EventModel
import Testing

@testable import evctl

@Suite("The demo")
struct ReferencePipelineTests {
    @Test("drives a real store through its socket and prints the reference's JSON, the keys of the states sorted")
    func answer() async throws {
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let answer = try await DemoCommand.answer(
            reducers: ReducerFiles.directory { _ in nil },
            in: directory.path
        )
        #expect(
            String(decoding: answer, as: UTF8.self) == """
                {
                  "total_events": 8,
                  "projections": {
                    "orders": {
                      "name": "order_counts",
                      "events_processed": 3,
                      "state": {
                        "by_status": {
                          "confirmed": 1,
                          "pending": 2
                        }
                      }
                    },
                    "users": {
                      "name": "user_activity",
                      "events_processed": 2,
                      "state": {
                        "users": {
                          "user-001": {
                            "event_count": 2,
                            "last_event": "logged_in"
                          }
                        }
                      }
                    },
                    "inventory": {
                      "name": "inventory_levels",
                      "events_processed": 2,
                      "state": {
                        "products": {
                          "widget-A": 97
                        }
                      }
                    }
                  },
                  "temporal_query": {
                    "widget-A_at_t5": {
                      "quantity": 100
                    }
                  }
                }
                """
        )
    }

    @Test("appends the reference's eight events at seconds 1 to 8")
    func events() {
        #expect(ReferencePipeline.events.map { $0.timestamp?.description } == (1...8).map { "\($0)" })
    }
}
