// Owns: the promise that the examples of the protocol's documentation are what goes over the wire.

import EventModel
import Glibc
import Testing

@testable import EventWire

@Suite struct DocumentedExamplesTests {
    /// What the client sends, and what the server answers to it.
    private struct Exchange {
        var sent: [UInt8] = []
        var answered: [UInt8] = []
    }

    @Test("every example of the documentation holds")
    func examples() throws {
        let page = try text(of: "Sources/EventWire/EventWire.docc/WireProtocol.md")
        let exchanges = exchanges(page)
        #expect(exchanges.count > 20)
        for exchange in exchanges { try check(exchange) }
    }

    private func check(_ exchange: Exchange) throws {
        let sent = String(decoding: exchange.sent, as: UTF8.self)
        switch try answer(exchange.sent) {
        case let known?:
            #expect(
                String(decoding: known, as: UTF8.self) == String(decoding: exchange.answered, as: UTF8.self),
                "\(sent)"
            )
        case nil:
            // Only a store knows the answer. It has to be whole, and its events written as we write them.
            let values = try decodeReplies(exchange.answered)
            #expect(!values.isEmpty, "\(sent)")
            for case .array(let elements) in values where elements.count > 2 {
                let event = try #require(Event(.array(elements)), "\(sent)")
                #expect(encode(event, .resp2) == exchange.answered)
            }
            for case .push(let elements) in values {
                let event = try #require(Event(elements[2]), "\(sent)")
                #expect(exchange.answered.suffix(encode(event, .resp3).count) == encode(event, .resp3)[...])
            }
        }
    }

    /// The answer to a command, as far as the wire alone knows it.
    private func answer(_ sent: [UInt8]) throws -> [UInt8]? {
        var replies = ReplyEncoder()
        do {
            try withCommand(sent) { command in
                guard case .connection(let command) = command else { return }
                var handshake = Handshake(connectionID: 1, serverVersion: "0.2.0")
                handshake.answer(command, &replies)
            }
        } catch let error as StoreError {
            replies.error(error)
        } catch let error as WireError {
            replies.error(error.reply)
        }
        return replies.bytes.isEmpty ? nil : replies.bytes
    }

    private func exchanges(_ page: String) -> [Exchange] {
        var exchanges: [Exchange] = []
        var isExample = false
        for line in page.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("```") {
                isExample = line == "```resp"
                if isExample { exchanges.append(Exchange()) }
            } else if isExample, line.hasPrefix("C: ") {
                if exchanges.last?.answered.isEmpty == false { exchanges.append(Exchange()) }
                exchanges[exchanges.count - 1].sent += Array(line.dropFirst(3).utf8) + [13, 10]
            } else if isExample, line.hasPrefix("S: ") {
                exchanges[exchanges.count - 1].answered += Array(line.dropFirst(3).utf8) + [13, 10]
            }
        }
        return exchanges
    }

    private func text(of path: String, from file: String = #filePath) throws -> String {
        let package = file.split(separator: "/").dropLast(3).joined(separator: "/")
        let stream = try #require(fopen("/\(package)/\(path)", "r"))
        defer { fclose(stream) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        bytes.removeLast(bytes.count - fread(&bytes, 1, bytes.count, stream))
        return String(decoding: bytes, as: UTF8.self)
    }
}
