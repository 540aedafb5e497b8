// Owns: a store whose segment files are given, and what must hold when it is opened and read whatever they hold.

import SegmentLog

enum HostileStore {
    static let directory = LogDirectory("/store")

    static let options = {
        var options = LogOptions()
        options.segmentBytes = 16 << 10
        options.spareFiles = 0
        options.recycledFiles = 0
        options.cacheBytes = 1 << 20
        return options
    }()

    /// An empty store, as the log makes it, without a segment; and its id.
    private static let made: (disk: HostileDisk, store: UniqueID) = {
        let disk = HostileDisk()
        guard let opened = try? SegmentLog.open(disk, directory: directory, options: options, now: RecordTime(1)) else {
            fatalError("an empty store can be made")
        }
        let store = opened.log.store.store
        disk[path(RecordID(1), ".active")] = nil
        return (disk, store)
    }()

    static let identity = SegmentIdentity(
        store: made.store,
        segment: UniqueID(bytes: [UInt8](repeating: 0x22, count: 16))
    )
    /// The CRC-32 of both ids, from which the checksums of frames and blocks continue.
    static let seed = Checksum.crc32(identity.store.bytes + identity.segment.bytes)

    static func disk() -> HostileDisk { made.disk.copy() }

    static func path(_ base: RecordID, _ suffix: String) -> String {
        let digits = String(base.rawValue)
        return "/store/log/" + String(repeating: "0", count: 20 - digits.utf8.count) + digits + suffix
    }

    /// A record, copied out.
    struct Copy: Equatable {
        let id: RecordID
        let time: RecordTime
        let recordedAt: RecordTime
        let body: [UInt8]

        init(_ record: Record) {
            id = record.id
            time = record.time
            recordedAt = record.recordedAt
            body = record.withBody { Array($0) }
        }

        var keys: [[UInt8]] {
            var keys: [[UInt8]] = []
            body.withUnsafeBytes { body in
                _ = RecordBody.forEachKey(of: body) { key in
                    keys.append(Array(key))
                    return keys.count < 3
                }
            }
            return keys
        }

        func has(_ key: [UInt8]) -> Bool {
            var isFound = false
            body.withUnsafeBytes { body in
                _ = RecordBody.forEachKey(of: body) { other in
                    isFound = other.elementsEqual(key)
                    return !isFound
                }
            }
            return isFound
        }
    }

    /// All that a query gives, going on behind every damaged range, which must lie ahead.
    static func read(_ view: LogView, _ query: LogQuery) -> (records: [Copy], lost: [ClosedRange<RecordID>]) {
        var query = query
        var records: [Copy] = []
        var lost: [ClosedRange<RecordID>] = []
        while true {
            var scan = LogScan(view, query)
            do throws(LogError) {
                while let matches = try scan.next() { records += matches.map(Copy.init) }
                return (records, lost)
            } catch {
                guard case .corrupt(let ids, _) = error else { return (records, lost) }
                lost.append(ids)
                if query.reversed {
                    require(ids.lowerBound <= query.through, "damage that is not ahead")
                    guard ids.lowerBound > .zero else { return (records, lost) }
                    query.through = RecordID(ids.lowerBound.rawValue - 1)
                } else {
                    require(ids.upperBound > query.after, "damage that is not ahead")
                    query.after = ids.upperBound
                }
            }
        }
    }

    /// Reads a view in every way and holds the answers against each other; so many records, and so many of their keys, are
    /// looked up one by one. `isClean` says that nothing is wrong with it. Returns all records, read forwards.
    @discardableResult
    static func check(_ view: LogView, isClean: Bool, lookUp samples: Int) -> [Copy] {
        let all = read(view, LogQuery())
        for (record, next) in zip(all.records, all.records.dropFirst()) {
            require(record.id < next.id, "ids do not ascend")
        }
        require(all.records.allSatisfy { $0.id > .zero && $0.id <= view.tail }, "an id that was never given")
        let back = read(view, LogQuery(reversed: true))
        for (record, next) in zip(back.records, back.records.dropFirst()) {
            require(record.id > next.id, "ids do not descend")
        }
        if isClean {
            require(all.lost.isEmpty && back.lost.isEmpty, "a clean log has damage")
            require(back.records == all.records.reversed(), "backwards is not forwards")
        }
        for record in all.records.prefix(samples) {
            let found = try? view.record(record.id)
            require(found.map { $0.id == record.id } ?? true, "another record than was asked for")
            if isClean { require(found.map(Copy.init) == record, "a record that cannot be found") }
        }
        for key in all.records.prefix(samples).flatMap(\.keys).prefix(samples) + [[0x63, 0x61]] {
            var query = LogQuery(keys: KeyExpression(alternatives: [[[key]]]))
            let expected = all.records.filter { $0.has(key) }
            let found = read(view, query)
            require(found.records.allSatisfy { $0.has(key) }, "not what was asked for")
            var scan = LogScan(view, query)
            let count = try? scan.count()
            query.since = RecordTime(5)
            query.until = RecordTime(1 << 40)
            require(read(view, query).records.allSatisfy { $0.time.rawValue >= 5 && $0.time.rawValue <= 1 << 40 })
            guard isClean else { continue }
            require(found.records == expected, "an index that hides")
            require(count == expected.count, "an index that counts wrong")
        }
        _ = try? view.last(recordedBy: RecordTime(1000))
        return all.records
    }
}
