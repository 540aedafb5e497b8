// Owns: finding zones: the machine's own, by `TZ` and `/etc/localtime`, and any by its name in the zone database.
// Refuses to know: what is in a zone's file.

import Glibc

struct ZoneDatabase: Sendable {
    /// No zone file comes near it; what is larger is none.
    private static let maximumBytes = 1 << 20

    let folder: String
    private let environment: @Sendable (String) -> String?

    init(environment: @escaping @Sendable (String) -> String?) {
        self.environment = environment
        folder = environment("TZDIR").flatMap { $0.isEmpty ? nil : $0 } ?? "/usr/share/zoneinfo"
    }

    /// The zone of this process, as tzset(3) finds it: `TZ` is a name in the database, the path of a file or a rule of POSIX;
    /// a colon before it excludes the rule. Where it is empty, the zone is UTC; where it is not set, that of
    /// `/etc/localtime`, or UTC where there is none.
    func local() throws(TimeFault) -> ZoneRules {
        guard let name = environment("TZ") else {
            let path = "/etc/localtime"
            do {
                return try file(path) ?? ZoneRules(initialOffset: 0)
            } catch {
                throw .setting("\(path) cannot tell this machine's zone: \(error.reason)")
            }
        }
        let isNoRule = name.hasPrefix(":")
        let place = isNoRule ? String(name.dropFirst()) : name
        if place.isEmpty { return ZoneRules(initialOffset: 0) }
        do {
            if let rules = try file(place.hasPrefix("/") ? place : "\(folder)/\(place)") { return rules }
        } catch {
            throw .setting("TZ is “\(name)”, and that file is no zone: \(error.reason)")
        }
        if !isNoRule, let rule = PosixZone(place) { return ZoneRules(rule) }
        throw .setting(
            "TZ is “\(name)”, which is neither a zone in \(folder), such as Europe/Berlin, nor a rule with its dates, "
                + "such as CET-1CEST,M3.5.0,M10.5.0/3"
        )
    }

    /// The zone of a name such as `Europe/Berlin`.
    func named(_ name: String) throws(TimeFault) -> ZoneRules {
        let isName = name.utf8.allSatisfy {
            $0.isLetter || $0.isDigit || $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
                || $0 == UInt8(ascii: "+")
        }
        do {
            if isName, !name.hasPrefix("/"), let rules = try file("\(folder)/\(name)") { return rules }
        } catch {
            throw .setting("\(folder)/\(name) is no zone: \(error.reason)")
        }
        throw .word("there is no zone “\(name)” in \(folder); capitals count: Europe/Berlin")
    }

    /// Nil where there is no such file.
    private func file(_ path: String) throws(ZoneFileFault) -> ZoneRules? {
        // A path may name anything; opening it must not wait for a writer.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            guard errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG else {
                throw ZoneFileFault(reason: Descriptor.lastReason)
            }
            return nil
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        do {
            while bytes.count <= Self.maximumBytes, try Descriptor(descriptor).read(into: &bytes, limit: 1 << 14) {}
        } catch {
            throw ZoneFileFault(reason: error.message)
        }
        guard bytes.count <= Self.maximumBytes else { throw ZoneFileFault(reason: "it is too large") }
        return try ZoneFile.rules(bytes)
    }
}
