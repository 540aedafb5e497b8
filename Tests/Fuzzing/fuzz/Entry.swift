// Owns: what libFuzzer calls. Which target it is comes from the environment, so that one build serves all of them.

import FuzzTargets
import Glibc

private let target: FuzzTarget = {
    let name = getenv("EVSTORE_FUZZ_TARGET").map { String(cString: $0) } ?? ""
    guard let target = FuzzTarget(rawValue: name) else { fatalError("EVSTORE_FUZZ_TARGET names no target: \(name)") }
    return target
}()

/// One execution: the fuzzer gives the bytes.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    target.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
    return 0
}
