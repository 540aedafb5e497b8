// Owns: the one question whether a text is a JSON object, and the words for the answer.

import CSimdjson

/// One for each thread that asks: it keeps its buffers, which grow with the largest text.
final class ObjectParser {
    private let parser: OpaquePointer

    init() {
        guard let parser = csj_parser_new() else { fatalError("no memory for a JSON parser") }
        self.parser = parser
    }

    deinit {
        csj_parser_free(parser)
    }

    func isObject(_ text: UnsafeRawBufferPointer) -> Bool {
        parse(text) == CSJ_OK && csj_root_is_object(parser)
    }

    /// The reason why a text is none, beginning with what it is; nil where it is one.
    func flaw(in text: UnsafeRawBufferPointer, _ what: StaticString) -> String? {
        let status = parse(text)
        guard status == CSJ_OK else {
            return "\(what) is \(String(cString: csj_message(status))); expected a JSON object"
        }
        return csj_root_is_object(parser) ? nil : "\(what) is JSON, but not an object; expected a JSON object"
    }

    private func parse(_ text: UnsafeRawBufferPointer) -> csj_status {
        csj_parse(parser, text.baseAddress?.assumingMemoryBound(to: UInt8.self), text.count)
    }
}
