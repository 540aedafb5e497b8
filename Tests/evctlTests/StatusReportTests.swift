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
