import Testing

@testable import evctl

@Suite("Reports of the daemon")
struct StatusReportTests {
    static let info = """
        # Server\r
        version:1.2.3\r
        state:degraded\r
        store_uuid:0190f5ea-7c7e-7000-8000-0123456789ab\r
        \r
        # Log\r
        first_id:1\r
        last_id:1234567\r
        log_bytes:4300\r
        record_bytes:43000\r
        damaged:5-9,12-12\r
        socket:/run/a:b\r

        """

    @Test("status as JSON has every key, whole numbers as numbers")
    func json() {
        #expect(
            String(decoding: StatusReport(info: Self.info).json, as: UTF8.self) == #"""
                {"version":"1.2.3","state":"degraded","store_uuid":"0190f5ea-7c7e-7000-8000-0123456789ab","first_id":1,
                """# + #"""
                    "last_id":1234567,"log_bytes":4300,"record_bytes":43000,"damaged":"5-9,12-12","socket":"/run/a:b"}
                    """#
        )
    }

    @Test("status for people says what the daemon said, and no more")
    func lines() {
        #expect(
            StatusReport(info: Self.info).lines(.none) == [
                "state        degraded", "version      1.2.3", "store        0190f5ea-7c7e-7000-8000-0123456789ab",
                "events       1 to 1,234,567", "log          4.2 KiB for 42.0 KiB of events", "damaged      5-9,12-12",
            ]
        )
    }

    @Test("status says how the log's bytes are spread, and which projections have stopped or lag")
    func parts() {
        let info = """
            state:degraded\r
            log_bytes:269484032\r
            log_sealed_bytes:0\r
            log_raw_bytes:67108864\r
            log_spare_bytes:202375168\r
            record_bytes:43000\r
            projections:3\r
            projection_lag:27000000\r
            projections_faulted:inventory_levels,orders\r
            projections_catching_up:users\r
            """
        #expect(
            StatusReport(info: info).lines(.none) == [
                "state        degraded",
                "log          257.0 MiB on disk (0 B sealed, 64.0 MiB raw, 193.0 MiB spare) for 42.0 KiB of events",
                "projections  3, 27,000,000 events behind; faulted: inventory_levels, orders; catching up: users",
            ]
        )
    }

    @Test(
        "status exits as the state is",
        arguments: [
            ("state:ok", 0), ("state:loading", 5), ("state:full", 7), ("state:failed", 7),
            ("state:degraded\r\ndamaged:5-9", 6), ("state:degraded\r\ndamaged:\r\nprojections_faulted:p", 1),
        ]
    )
    func exits(info: String, status: Int32) {
        #expect(StatusReport(info: info).status.rawValue == status)
    }

    @Test("verify names each range of damaged events and each other problem, with the file")
    func findings() throws {
        let json = #"""
            {"events":8,"damaged":[{"first":5,"last":9},{"first":12,"last":12}],"problems":["x: a \"b\"","y: c"],"files":[
            {"file":"x","damaged":[{"first":5,"last":9},{"first":12,"last":12}],"problems":["a \"b\""]},
            {"file":"y","damaged":[],"problems":["c"]}]}
            """#
        #expect(
            try VerifyCommand.findings(Report(Array(json.utf8))) == [
                "x: events 5 to 9 are damaged", "x: events 12 to 12 are damaged", #"x: a "b""#, "y: c",
            ]
        )
        #expect(try VerifyCommand.findings(Report(Array(#"{"events":8}"#.utf8))).isEmpty)
    }
}
