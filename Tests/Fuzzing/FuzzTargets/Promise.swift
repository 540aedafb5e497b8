// Owns: how a target says that a promise is broken, in words that a release build prints too.

func require(
    _ condition: Bool,
    _ promise: @autoclosure () -> String = "a promise is broken",
    file: StaticString = #fileID,
    line: UInt = #line
) {
    guard condition else { fatalError(promise(), file: file, line: line) }
}
