// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
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
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // 1: the operating system and C libraries
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["libz-dev"])]),
        .systemLibrary(name: "CLuaLibrary", pkgConfig: "lua5.4", providers: [.apt(["liblua5.4-dev"])]),
        .target(name: "CChecksum", dependencies: ["CZlib"]),
        .target(name: "CSimdjson", linkerSettings: [.linkedLibrary("simdjson")]),
        .target(name: "CLua", dependencies: ["CLuaLibrary", "CSimdjson"]),
        .target(name: "Disk", swiftSettings: settings),

        // 2: bytes, folds, meaning
        .target(name: "SegmentLog", dependencies: ["Disk", "CZlib", "CChecksum"], swiftSettings: settings),
        .target(name: "Reducers", dependencies: ["CLua"], swiftSettings: settings),
        .target(name: "EventModel", swiftSettings: settings),

        // 3: threads
        .target(
            name: "EventStore",
            dependencies: ["SegmentLog", "Reducers", "EventModel", "Disk", "CSimdjson"],
            swiftSettings: settings
        ),

        // 4: the protocol as a pure value
        .target(name: "EventWire", dependencies: ["EventModel"], swiftSettings: settings),

        // 5: sockets
        .target(
            name: "EventStoreServer",
            dependencies: ["EventStore", "EventWire", "EventModel", "SegmentLog", nioCore, nioPosix],
            swiftSettings: settings
        ),
        .target(
            name: "EventStoreClient",
            dependencies: ["EventWire", "EventModel", nioCore, nioPosix],
            swiftSettings: settings
        ),

        // 6: programs
        .executableTarget(
            name: "evstored",
            dependencies: [
                "EventStoreServer", "EventStore", "EventModel", "EventWire", "Reducers", "SegmentLog", argumentParser,
                logging,
                unixSignals, "Yams",
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "evctl",
            dependencies: [
                "EventStoreClient", "EventStoreServer", "EventStore", "EventModel", "SegmentLog", argumentParser,
            ],
            swiftSettings: settings
        ),

        .target(name: "DiskSimulation", dependencies: ["Disk"], path: "Tests/DiskSimulation", swiftSettings: settings),
        .testTarget(name: "DiskTests", dependencies: ["Disk", "DiskSimulation"], swiftSettings: settings),
        .testTarget(
            name: "SegmentLogTests",
            dependencies: ["SegmentLog", "Disk", "DiskSimulation", "CChecksum", "CZlib"],
            swiftSettings: settings
        ),
        .testTarget(name: "ReducersTests", dependencies: ["Reducers", "CSimdjson"], swiftSettings: settings),
        .testTarget(name: "EventModelTests", dependencies: ["EventModel"], swiftSettings: settings),
        .testTarget(
            name: "EventStoreTests",
            dependencies: ["EventStore", "SegmentLog", "EventModel", "Disk", "DiskSimulation"],
            swiftSettings: settings
        ),
        .testTarget(name: "EventWireTests", dependencies: ["EventWire", "EventModel"], swiftSettings: settings),
        .testTarget(
            name: "EventStoreServerTests",
            dependencies: ["EventStoreServer", "EventStore", "EventWire", "EventModel", "SegmentLog"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "EventStoreClientTests",
            dependencies: [
                "EventStoreClient", "EventStoreServer", "EventStore", "EventWire", "EventModel", "SegmentLog", nioCore,
                nioPosix,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "evstoredTests",
            dependencies: [
                "evstored", "EventStoreServer", "EventStoreClient", "EventStore", "EventWire", "EventModel",
                "SegmentLog",
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "evctlTests",
            dependencies: ["evctl", "EventStore", "EventStoreServer", "EventStoreClient", "EventModel", "SegmentLog"],
            swiftSettings: settings
        ),
        .testTarget(name: "HouseRulesTests", swiftSettings: settings),
    ],
    cxxLanguageStandard: .cxx17
)
