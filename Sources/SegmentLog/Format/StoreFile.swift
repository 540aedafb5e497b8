// Owns: `store.json`, which says that a directory is a store, of which format, and which one. Written once.

internal import Disk

/// What `store.json` holds: `{"format":2,"store_uuid":"<32 hexadecimal digits>","created":<nanoseconds>,"crc":<number>}` and
/// a newline; `crc` is the CRC-32 of everything before its comma.
package struct StoreFile: Equatable, Sendable {
    package static let name = "store.json"
    static let format = Int(FormatVersion.current)
    /// The file is not read where it is longer: not even a later format's will be.
    static let maximumBytes = 4096

    package let store: UniqueID
    /// Nanoseconds since the Unix epoch.
    package let created: RecordTime

    func encoded() -> [UInt8] {
        let text = "{\"format\":\(Self.format),\"store_uuid\":\"\(store.digits)\",\"created\":\(created.rawValue)"
        return Array((text + Self.ending(of: text)).utf8)
    }

    private static func ending(of text: some StringProtocol) -> String {
        ",\"crc\":\(Checksum.crc32(Array(text.utf8)))}\n"
    }

    init(store: UniqueID, created: RecordTime) {
        self.store = store
        self.created = created
    }

    /// Reads the file; nil where there is none.
    static func read(_ disk: any Disk, _ directory: LogDirectory) throws(LogError) -> StoreFile? {
        let path = "\(directory.data)/\(name)"
        let contents: [UInt8]?
        do {
            contents = try disk.contents(of: path, limit: maximumBytes)
        } catch {
            if error.isMissing { return nil }
            throw .disk(error)
        }
        guard let bytes = contents else {
            throw .unreadable(path: path, reason: "it is longer than \(maximumBytes) bytes")
        }
        let text = String(decoding: bytes, as: UTF8.self)
        // Before the checksum, which a later format may have elsewhere.
        guard let format = Self.value("format", in: text) else {
            throw .unreadable(path: path, reason: "it names no format")
        }
        guard format == String(Self.format) else { throw .unknownFormat(path: path, found: "version \(format)") }
        guard let end = text.firstRange(of: ",\"crc\":")?.lowerBound,
            text[end...] == Self.ending(of: text[..<end])
        else { throw .unreadable(path: path, reason: "its checksum does not match") }
        guard let digits = Self.value("store_uuid", in: text).map(Array.init), digits.count == 32,
            let created = Self.value("created", in: text).flatMap({ Int64($0) })
        else { throw .unreadable(path: path, reason: "it does not name the store") }
        let pairs = stride(from: 0, to: 32, by: 2).compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) }
        guard pairs.count == 16 else { throw .unreadable(path: path, reason: "store_uuid is not hexadecimal") }
        return StoreFile(store: UniqueID(bytes: pairs), created: RecordTime(created))
    }

    /// The value of a key in a flat object whose strings have no escapes.
    private static func value(_ key: String, in text: String) -> String? {
        guard let start = text.firstRange(of: "\"\(key)\":")?.upperBound else { return nil }
        let value = text[start...].drop { $0 == " " || $0 == "\"" }.prefix { $0 != "," && $0 != "}" && $0 != "\"" }
        return value.isEmpty ? nil : String(value)
    }
}
