// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let containers = Target.Dependency.product(name: "BasicContainers", package: "swift-collections")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let heap = Target.Dependency.product(name: "HeapModule", package: "swift-collections")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")

// Imports only go down. The order below is the order of the layers, lowest first; a test holds every import to it.
let package = Package(
    name: "evstore",
    products: [
        .library(name: "EventModel", targets: ["EventModel"]),
        .library(name: "EventStoreClient", targets: ["EventStoreClient"]),
        .executable(name: "evstored", targets: ["evstored"]),
        .executable(name: "evctl", targets: ["evctl"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // 1: the operating system and C libraries
        .systemLibrary(name: "CDeflate", pkgConfig: "libdeflate", providers: [.apt(["libdeflate-dev"])]),
        .systemLibrary(name: "CLuaLibrary", pkgConfig: "lua5.4", providers: [.apt(["liblua5.4-dev"])]),
        .target(name: "CEpoll"),
        .target(name: "CMalloc"),
        .target(name: "CSimdjson", linkerSettings: [.linkedLibrary("simdjson")]),
        .target(name: "CLua", dependencies: ["CLuaLibrary", "CSimdjson"]),
        .target(name: "Disk", swiftSettings: settings),
        .target(name: "ProcessText", swiftSettings: settings),

        // 2: bytes, folds, meaning
        .target(
            name: "SegmentLog",
            dependencies: ["Disk", "CDeflate", containers, heap],
            swiftSettings: settings
        ),
        .target(name: "Reducers", dependencies: ["CLua"], swiftSettings: settings),
        .target(name: "EventModel", swiftSettings: settings),

        // 3: events as records
        .target(name: "EventRecords", dependencies: ["SegmentLog", "EventModel"], swiftSettings: settings),

        // 4: threads
        .target(
            name: "EventStore",
            dependencies: [
                "EventRecords", "SegmentLog", "Reducers", "EventModel", "Disk", "CSimdjson", "CMalloc", deque,
            ],
            swiftSettings: settings
        ),

        // 5: the protocol, and the lines of an import, as pure values
        .target(name: "EventWire", dependencies: ["EventModel"], swiftSettings: settings),
        .target(name: "EventNDJSON", dependencies: ["EventModel"], swiftSettings: settings),

        // 6: sockets
        .target(
            name: "EventStoreServer",
            dependencies: [
                "EventStore", "EventWire", "EventRecords", "EventModel", "SegmentLog", "CMalloc", nioCore, nioPosix,
                heap,
            ],
            swiftSettings: settings
        ),
        .target(
            name: "EventStoreClient",
            dependencies: ["EventWire", "EventRecords", "EventModel", "SegmentLog", nioCore, nioPosix],
            swiftSettings: settings
        ),

        // 7: programs
        .executableTarget(
            name: "evstored",
            dependencies: [
                "EventStoreServer", "EventStore", "EventModel", "EventWire", "Reducers", "SegmentLog", "CMalloc",
                "ProcessText", argumentParser, logging, unixSignals, "Yams",
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "evctl",
            dependencies: [
                "EventStoreClient", "EventStoreServer", "EventWire", "EventNDJSON", "EventStore", "EventModel",
                "SegmentLog", "CEpoll", "ProcessText", argumentParser,
            ],
            swiftSettings: settings
        ),

        // zlib itself, so that a second implementation reads what is written here.
        .systemLibrary(name: "CZlib", path: "Tests/CZlib", pkgConfig: "zlib", providers: [.apt(["libz-dev"])]),
        .target(name: "DiskSimulation", dependencies: ["Disk"], path: "Tests/DiskSimulation", swiftSettings: settings),
        .target(
            name: "FaultSimulation",
            dependencies: ["Disk", "DiskSimulation", "SegmentLog", "Reducers", "EventModel", "EventStore"],
            path: "Tests/FaultSimulation",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "faultsim",
            dependencies: ["FaultSimulation", argumentParser],
            path: "Tests/faultsim",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "microbench",
            dependencies: [
                "EventStore", "EventRecords", "EventWire", "EventModel", "Reducers", "SegmentLog", "Disk",
                argumentParser,
            ],
            path: "Tests/MicroBenchmarks",
            exclude: ["ratchet.py", "ratchet.json"],
            swiftSettings: settings
        ),
        .testTarget(name: "ProcessTextTests", dependencies: ["ProcessText"], swiftSettings: settings),
        .testTarget(name: "DiskTests", dependencies: ["Disk", "DiskSimulation"], swiftSettings: settings),
        .testTarget(
            name: "SegmentLogTests",
            dependencies: ["SegmentLog", "Disk", "DiskSimulation", "FaultSimulation", "CZlib"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "FaultSimulationTests",
            dependencies: ["FaultSimulation", "DiskSimulation"],
            swiftSettings: settings
        ),
        .target(name: "ChildProcesses", path: "Tests/ChildProcesses", swiftSettings: settings),
        .target(
            name: "CraftedRecords",
            dependencies: ["SegmentLog", "Disk"],
            path: "Tests/CraftedRecords",
            swiftSettings: settings
        ),
        .target(name: "CPlainLua", dependencies: ["CLuaLibrary"], path: "Tests/CPlainLua"),
        .testTarget(
            name: "ReducersTests",
            dependencies: ["Reducers", "CSimdjson", "CPlainLua", "ChildProcesses"],
            exclude: ["patterns.lua"],
            swiftSettings: settings
        ),
        .testTarget(name: "EventModelTests", dependencies: ["EventModel"], swiftSettings: settings),
        .testTarget(
            name: "EventRecordsTests",
            dependencies: ["EventRecords", "SegmentLog", "EventModel"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "EventStoreTests",
            dependencies: [
                "EventStore", "EventRecords", "SegmentLog", "Reducers", "EventModel", "Disk", "DiskSimulation",
                "CraftedRecords",
            ],
            swiftSettings: settings
        ),
        .testTarget(name: "EventNDJSONTests", dependencies: ["EventNDJSON", "EventModel"], swiftSettings: settings),
        .testTarget(name: "EventWireTests", dependencies: ["EventWire", "EventModel"], swiftSettings: settings),
        .testTarget(
            name: "EventStoreServerTests",
            dependencies: [
                "EventStoreServer", "EventStore", "EventWire", "EventModel", "SegmentLog", "CraftedRecords", nioPosix,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "EventStoreClientTests",
            dependencies: [
                "EventStoreClient", "EventStoreServer", "EventStore", "EventWire", "EventModel", "SegmentLog",
                "CraftedRecords", nioCore, nioPosix,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "evstoredTests",
            dependencies: [
                "evstored", "EventStoreServer", "EventStoreClient", "EventStore", "EventWire", "EventModel",
                "SegmentLog", "ChildProcesses",
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "evctlTests",
            dependencies: [
                "evctl", "EventStore", "EventStoreServer", "EventStoreClient", "EventWire", "EventNDJSON", "EventModel",
                "SegmentLog", "CraftedRecords", "ProcessText", "ChildProcesses",
            ],
            swiftSettings: settings
        ),
        .testTarget(name: "HouseRulesTests", dependencies: ["ChildProcesses"], swiftSettings: settings),

        .target(
            name: "FuzzTargets",
            dependencies: ["EventStore", "SegmentLog", "EventWire", "EventNDJSON", "EventModel", "Reducers", "Disk"],
            path: "Tests/Fuzzing/FuzzTargets",
            swiftSettings: settings
        ),
        .testTarget(
            name: "FuzzTests",
            dependencies: ["FuzzTargets"],
            path: "Tests/Fuzzing/FuzzTests",
            swiftSettings: settings
        ),
        .testTarget(
            name: "GoldenTests",
            dependencies: ["EventStore", "EventRecords", "SegmentLog", "Reducers", "EventModel", "Disk"],
            path: "Tests/Golden/GoldenTests",
            swiftSettings: settings
        ),
    ],
    cxxLanguageStandard: .cxx17
)

// libFuzzer brings its own main, which only a build with `--sanitize=fuzzer` has: Tests/Fuzzing/fuzz.sh asks for it.
if Context.environment["EVSTORE_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "fuzz",
            dependencies: ["FuzzTargets"],
            path: "Tests/Fuzzing/fuzz",
            swiftSettings: settings
        )
    )
}
