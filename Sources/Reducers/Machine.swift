// Owns one Lua state and the translation of its failures. The only file that calls CLua; what a state is for, and when
// it has to be thrown away, is Reducer's.

import CLua

/// A Lua state for one reducer. `load` comes first. After a failure of anything but `encode` its state is undefined.
struct Machine: ~Copyable {
    private let lua: OpaquePointer

    /// An empty sandbox.
    init(name: String, limits: ReducerLimits) throws(ReducerError) {
        let (instructions, milliseconds) = (Int64(limits.instructionsPerEvent), Int64(limits.millisecondsPerEvent))
        guard let lua = clua_new(name, limits.memoryBytes, instructions, milliseconds) else {
            throw .budget("\(name): \(limits.memoryBytes) bytes of memory do not hold a reducer")
        }
        self.lua = lua
    }

    deinit {
        clua_free(self.lua)
    }

    var selection: ReducerSelection {
        ReducerSelection(
            categories: self.strings(CLUA_CATEGORY),
            types: self.strings(CLUA_TYPE),
            aggregates: self.strings(CLUA_AGGREGATE),
            tags: self.strings(CLUA_TAG)
        )
    }

    /// Whether `reduce` may read a field.
    func reads(_ field: ReducerEvent.Field) -> Bool { clua_reads(self.lua, clua_field(field.rawValue)) }

    /// Has the calls from now on end once `stop` is requested. Whoever has the machine keeps `stop` as long.
    func obey(_ stop: ReducerStop?) {
        clua_obey(self.lua, stop?.flag)
    }

    static var slabBytes: Int { clua_slab_bytes() }

    var memoryBytes: Int { clua_memory_bytes(self.lua) }

    /// Runs the source, once, and takes the reducer it returns.
    func load(_ text: [UInt8]) throws(ReducerError) {
        try self.check(text.withUnsafeBytes { clua_load(self.lua, clua_text($0)) })
    }

    /// Makes the state what `initial` returns.
    func start() throws(ReducerError) {
        try self.check(clua_start(self.lua))
    }

    /// Makes the state what the JSON says.
    func restore(_ json: [UInt8]) throws(ReducerError) {
        try self.check(json.withUnsafeBytes { clua_restore(self.lua, clua_text($0)) })
    }

    /// Makes the state what `reduce` returns, for one event after the other. `done` is how many that were, after a throw, too.
    func reduce(_ events: ReducerEvents, done: inout Int) throws(ReducerError) {
        try self.check(events.withCLuaEvents { clua_reduce(self.lua, $0.baseAddress, $0.count, &done) })
    }

    /// Throws where the state has no JSON.
    func checkState() throws(ReducerError) {
        try self.check(clua_check(self.lua))
    }

    /// The state as JSON.
    func encode() throws(ReducerError) -> [UInt8] {
        var json = clua_text()
        try self.check(clua_encode(self.lua, &json))
        return [UInt8](UnsafeRawBufferPointer(json))
    }

    private func strings(_ kind: clua_kind) -> [String] {
        (0..<clua_selection_count(self.lua, kind)).map { String(clua_selection_item(self.lua, kind, $0)) }
    }

    private func check(_ status: clua_status) throws(ReducerError) {
        switch status {
        case CLUA_OK: return
        case CLUA_SYNTAX: throw .syntax(self.message)
        case CLUA_INVALID: throw .invalid(self.message)
        case CLUA_FAULT: throw .fault(self.message)
        case CLUA_BUDGET: throw .budget(self.message)
        case CLUA_STOPPED: throw .stopped(self.message)
        case CLUA_STATE: throw .state(self.message)
        default: preconditionFailure("clua_status \(status.rawValue)")
        }
    }

    private var message: String { String(clua_message(self.lua)) }
}

extension clua_text {
    /// Present even when empty: C takes a missing address for an absent text.
    init(_ bytes: UnsafeRawBufferPointer) {
        self.init(bytes: bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 1), length: bytes.count)
    }
}

extension UnsafeRawBufferPointer {
    fileprivate init(_ text: clua_text) {
        self.init(start: text.bytes, count: text.length)
    }
}

extension String {
    fileprivate init(_ text: clua_text) {
        self.init(decoding: UnsafeRawBufferPointer(text), as: UTF8.self)
    }
}
