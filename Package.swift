// swift-tools-version: 6.3
import PackageDescription

/// Set by scripts/sanitize.
let sanitizes = Context.environment["MIZZEN_SANITIZE"] != nil

/// One strict array for every Swift target; `git grep -w unsafe` is then the list to audit.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    // A sanitizer's build puts its own locks in the place of Swift's, whose files do not import them.
    .enableUpcomingFeature(sanitizes ? "InternalImportsByDefault" : "MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    // Views of the record table's bytes are types that cannot outlive them.
    .enableExperimentalFeature("Lifetimes"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
]

/// Set by scripts/fuzz: our modules are instrumented for libFuzzer, and the executable mizzen-fuzz takes the place of FuzzTests.
let fuzzes = Context.environment["MIZZEN_FUZZ"] != nil

/// Optimised, so that a second holds many executions, in a debug build, so that internals can be imported.
let instrumented: [SwiftSetting] =
    fuzzes ? [.unsafeFlags(["-O", "-parse-as-library", "-sanitize=fuzzer,address"])] : []

let nio: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP2: Target.Dependency = .product(name: "NIOHTTP2", package: "swift-nio-http2")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let asyncHTTPClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdTLS: Target.Dependency = .product(name: "HummingbirdTLS", package: "hummingbird")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let certificates: Target.Dependency = .product(name: "X509", package: "swift-certificates")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")

let fuzzDependencies: [Target.Dependency] = [
    "AccessReview", "Names", "RecordTable", "RecordTableWriter", "KubernetesObjects", "DeltaStream", "Frontend", "Collector", "Exporter",
    "MizzenSystem", "ProcessRuntime", certificates, crypto, logging, nioSSL, .product(name: "SwiftASN1", package: "swift-asn1"),
]

/// A module of Sources/Shared.
func shared(_ name: String, folder: String? = nil, _ dependencies: [Target.Dependency]) -> Target {
    .target(
        name: name, dependencies: dependencies, path: "Sources/Shared/\(folder ?? name)",
        swiftSettings: strict + instrumented)
}

/// A process: a library that tests can import, and a short `main` beside it.
func process(_ name: String, executable: String, _ dependencies: [Target.Dependency]) -> [Target] {
    [
        .target(
            name: name, dependencies: dependencies, path: "Sources/\(name)", exclude: ["Main"],
            swiftSettings: strict + instrumented),
        .executableTarget(
            name: executable,
            dependencies: [.target(name: name), "ProcessRuntime", argumentParser],
            path: "Sources/\(name)/Main", swiftSettings: strict),
    ]
}

/// Tests of one module, in the folder that mirrors the module's.
func tests(
    _ name: String, path: String, _ dependencies: [Target.Dependency], exclude: [String] = []
) -> Target {
    .testTarget(
        name: name, dependencies: dependencies + ["TestSupport"], path: "Tests/\(path)", exclude: exclude,
        swiftSettings: strict)
}

let package = Package(
    name: "mizzen",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "mizzen-watcher", targets: ["mizzen-watcher"]),
        .executable(name: "mizzen-frontend", targets: ["mizzen-frontend"]),
        .executable(name: "mizzen-collector", targets: ["mizzen-collector"]),
        .executable(name: "mizzen-exporter", targets: ["mizzen-exporter"]),
        .executable(name: "cluster-simulator", targets: ["cluster-simulator"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-asn1.git", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-certificates.git", from: "1.21.0"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-http2.git", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.0"),
        .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.0"),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
    ],
    targets: [
        // Shared, in the order in which they may import one another.
        .systemLibrary(
            name: "CZeroMQ", path: "Sources/Shared/CZeroMQ", pkgConfig: "libzmq",
            providers: [.apt(["libzmq3-dev"])]),
        .systemLibrary(
            name: "CProtobufC", path: "Sources/Shared/CProtobufC", pkgConfig: "libprotobuf-c",
            providers: [.apt(["libprotobuf-c-dev"])]),
        .systemLibrary(name: "CZlib", path: "Sources/Shared/CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "CMizzenSystem", path: "Sources/Shared/CSystem"),
        .systemLibrary(
            name: "CCrypt", path: "Sources/Shared/CCrypt", pkgConfig: "libcrypt", providers: [.apt(["libcrypt-dev"])]),
        // Debian's libre2 has a C++ header only, hence a target with a C one.
        .target(name: "CRE2", path: "Sources/Shared/CRE2", linkerSettings: [.linkedLibrary("re2")]),
        .target(
            name: "CSchemas", dependencies: ["CProtobufC"], path: "Sources/Shared/CSchemas", exclude: ["proto"]),
        shared("Names", []),
        shared("MizzenSystem", folder: "System", ["CMizzenSystem"]),
        shared("RegularExpressions", ["CRE2"]),
        shared("NetworkErrors", ["MizzenSystem", nio, nioPosix, nioSSL]),
        shared(
            "ProcessRuntime", folder: "Process",
            [
                "NetworkErrors",
                "CMizzenSystem", "MizzenSystem", "Names", argumentParser, logging, lifecycle, unixSignals, hummingbird,
                hummingbirdTLS, nio, nioPosix, nioSSL,
            ]),
        shared("RecordTable", ["CMizzenSystem", "MizzenSystem", "Names"]),
        shared("RecordTableWriter", ["CMizzenSystem", "MizzenSystem", "Names", "RecordTable"]),
        shared("SharedCounters", ["CMizzenSystem", "MizzenSystem", "ProcessRuntime", "RecordTable"]),
        shared("KubernetesObjects", ["CProtobufC", "CSchemas", "MizzenSystem", "Names", yams]),
        shared(
            "KubernetesClient",
            [
                "KubernetesObjects", "MizzenSystem", "Names", "NetworkErrors", asyncHTTPClient, nio, nioPosix, nioHTTP2, nioSSL, logging,
                yams,
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ]),
        shared(
            "EncryptedServing",
            [
                logging, nio, nioSSL, hummingbird, .product(name: "HummingbirdHTTP2", package: "hummingbird"),
                .product(name: "NIOHTTP2", package: "swift-nio-http2"), .product(name: "NIOTLS", package: "swift-nio"),
            ]),
        shared(
            "AccessReview",
            [
                "KubernetesObjects", "KubernetesClient", "MizzenSystem", "ProcessRuntime", certificates, crypto, lifecycle, logging,
                .product(name: "SwiftASN1", package: "swift-asn1"),
            ]),
        shared(
            "DeltaStream",
            ["CMizzenSystem", "CZeroMQ", "CProtobufC", "CSchemas", "KubernetesObjects", "MizzenSystem", "Names", logging]),
        shared("StreamCommandLine", ["DeltaStream", "ProcessRuntime", argumentParser, lifecycle]),
    ]
        + process(
            "Watcher", executable: "mizzen-watcher",
            [
                "RecordTable", "RecordTableWriter", "DeltaStream", "KubernetesObjects", "KubernetesClient", "MizzenSystem", "Names",
                "ProcessRuntime", "StreamCommandLine", argumentParser, lifecycle, logging, nio,
            ])
        + process(
            "Frontend", executable: "mizzen-frontend",
            [
                crypto,
                "CMizzenSystem", "MizzenSystem", "RecordTable", "RegularExpressions", "Names", "NetworkErrors", "ProcessRuntime",
                "SharedCounters",
                argumentParser, lifecycle, logging, nio, nioPosix, nioSSL,
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOTLS", package: "swift-nio"),
            ])
        + process(
            "Collector", executable: "mizzen-collector",
            [
                "AccessReview", "DeltaStream", "EncryptedServing", "KubernetesObjects", "KubernetesClient", "MizzenSystem", "Names",
                "NetworkErrors", "ProcessRuntime", "RecordTable", "RecordTableWriter",
                "StreamCommandLine", "CSchemas", "CProtobufC", argumentParser,
                lifecycle, logging, nio, nioPosix, nioSSL, hummingbird, hummingbirdTLS, certificates,
                crypto, .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
            ])
        + process(
            "Exporter", executable: "mizzen-exporter",
            [
                "AccessReview", "CCrypt", "CZlib", "DeltaStream", "EncryptedServing", "KubernetesObjects", "MizzenSystem", "Names",
                "NetworkErrors",
                "ProcessRuntime",
                "RegularExpressions", "StreamCommandLine", argumentParser, lifecycle, logging, nio, nioSSL, hummingbird, hummingbirdTLS,
            ])
        + [
            .target(
                name: "ClusterSimulator",
                dependencies: [
                    "KubernetesObjects", "KubernetesClient", "Names", "CSchemas", "CProtobufC", "MizzenSystem", "ProcessRuntime",
                    hummingbird,
                    hummingbirdTLS,
                    nio, nioPosix, nioHTTP2, nioSSL, logging, lifecycle, yams, certificates, crypto, asyncHTTPClient,
                    argumentParser, .product(name: "HummingbirdHTTP2", package: "hummingbird"),
                    .product(name: "NIOHTTP1", package: "swift-nio"),
                ],
                path: "Tests/ClusterSimulator", exclude: ["Main"], swiftSettings: strict),
            .executableTarget(
                name: "cluster-simulator",
                dependencies: ["ClusterSimulator", "ProcessRuntime", argumentParser],
                path: "Tests/ClusterSimulator/Main", swiftSettings: strict),
            // The least a DNS server can do: what `make bench` measures against.
            .executableTarget(name: "dns-floor", dependencies: ["CMizzenSystem"], path: "Tests/Benchmarks/Floor"),
            // The same for a server of metrics.
            .executableTarget(name: "scrape-floor", path: "Tests/Benchmarks/ScrapeFloor"),
            // One process of those that attack the record table in tests.
            .executableTarget(
                name: "table-probe", dependencies: ["RecordTable", "RecordTableWriter", "Names"], path: "Tests/TableProbe",
                swiftSettings: strict),
            // One process of those that share counters in tests.
            .executableTarget(
                name: "counter-probe", dependencies: ["SharedCounters", "ProcessRuntime"], path: "Tests/CounterProbe", swiftSettings: strict
            ),
            // One process of those that attack the delta stream in tests.
            .executableTarget(
                name: "stream-probe", dependencies: ["DeltaStream", "KubernetesObjects", "MizzenSystem", "Names", argumentParser, logging],
                path: "Tests/StreamProbe", swiftSettings: strict),
            // What `make bench` runs for the record table and for the delta stream, each beside its floor.
            .executableTarget(
                name: "table-bench", dependencies: ["RecordTable", "RecordTableWriter", "Names"], path: "Tests/Benchmarks/Table",
                swiftSettings: strict),
            .executableTarget(
                name: "stream-bench",
                dependencies: ["CZeroMQ", "DeltaStream", "KubernetesObjects", "MizzenSystem", "Names", argumentParser, logging],
                path: "Tests/Benchmarks/Stream", swiftSettings: strict),
            // One way from a delta's object to a scrape's lines, for counting its instructions.
            .executableTarget(
                name: "render-bench", dependencies: ["DeltaStream", "Exporter", "KubernetesObjects"], path: "Tests/Benchmarks/Render",
                swiftSettings: strict),
            // What `make bench` counts the instructions of an event with.
            .executableTarget(
                name: "event-bench",
                dependencies: ["DeltaStream", "KubernetesClient", "KubernetesObjects", "MizzenSystem", "Watcher", logging],
                path: "Tests/Benchmarks/Events", swiftSettings: strict),
            .target(name: "TestSupport", dependencies: ["MizzenSystem", "Names", logging], path: "Tests/Support", swiftSettings: strict),
            tests("NamesTests", path: "Shared/Names", ["Names"]),
            tests("MizzenSystemTests", path: "Shared/System", ["MizzenSystem"]),
            tests("RegularExpressionsTests", path: "Shared/RegularExpressions", ["RegularExpressions"]),
            tests(
                "ProcessRuntimeTests", path: "Shared/Process",
                ["ProcessRuntime", "MizzenSystem", "NetworkErrors", argumentParser, logging, lifecycle, nio, nioPosix]),
            tests(
                "RecordTableTests", path: "Shared/RecordTable",
                ["RecordTable", "RecordTableWriter", "Names", "CMizzenSystem", "MizzenSystem", "table-probe"],
                exclude: ["python"]),
            tests(
                "SharedCountersTests", path: "Shared/SharedCounters",
                ["SharedCounters", "ProcessRuntime", "MizzenSystem", "RecordTable", "counter-probe"]),
            tests(
                "KubernetesTests", path: "Shared/Kubernetes",
                [
                    "KubernetesObjects", "KubernetesClient", "ClusterSimulator", "CSchemas", "CProtobufC", "MizzenSystem", nio, nioPosix,
                    nioHTTP2, nioSSL, logging,
                    certificates, crypto,
                    .product(name: "NIOEmbedded", package: "swift-nio"),
                    .product(name: "NIOHTTP1", package: "swift-nio"),
                    .product(name: "SwiftASN1", package: "swift-asn1"),
                ]),
            tests(
                "DeltaStreamTests", path: "Shared/DeltaStream",
                ["DeltaStream", "KubernetesObjects", "MizzenSystem", "CZeroMQ", "stream-probe", logging],
                exclude: ["python"]),
            tests(
                "WatcherTests", path: "Watcher",
                [
                    "Watcher", "RecordTable", "RecordTableWriter", "DeltaStream", "KubernetesObjects", "KubernetesClient", "Names",
                    "ClusterSimulator", "MizzenSystem", "ProcessRuntime",
                    "mizzen-watcher", "mizzen-frontend", "cluster-simulator", logging, lifecycle, argumentParser,
                ]),
            tests(
                "FrontendTests", path: "Frontend",
                [
                    "Frontend", "MizzenSystem", "CMizzenSystem", "RecordTable", "RecordTableWriter", "RegularExpressions", "Names",
                    "ProcessRuntime", "SharedCounters", "mizzen-frontend", "mizzen-watcher", argumentParser, logging,
                    nioSSL,
                ]),
            tests(
                "CollectorTests", path: "Collector",
                [
                    "AccessReview", "Collector", "ClusterSimulator", "DeltaStream", "EncryptedServing", "KubernetesObjects",
                    "KubernetesClient", "MizzenSystem",
                    "ProcessRuntime", "RecordTableWriter",
                    logging, nio, nioSSL,
                    asyncHTTPClient, hummingbird, hummingbirdTLS, lifecycle, argumentParser, certificates, crypto,
                    .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "SwiftASN1", package: "swift-asn1"),
                    "StreamCommandLine", "mizzen-watcher", "mizzen-collector",
                ]),
            tests(
                "ExporterTests", path: "Exporter",
                [
                    "AccessReview", "ClusterSimulator", "Exporter", "DeltaStream", "KubernetesObjects", "MizzenSystem", "ProcessRuntime",
                    "StreamCommandLine", argumentParser, lifecycle,
                    asyncHTTPClient, nio, nioSSL, logging,
                    .product(name: "NIOHTTP1", package: "swift-nio"),
                ]),
            tests(
                "ClusterSimulatorTests", path: "ClusterSimulatorTests",
                [
                    "ClusterSimulator", "KubernetesObjects", "KubernetesClient", asyncHTTPClient, nio, nioSSL, logging,
                    .product(name: "NIOHTTP1", package: "swift-nio"),
                ]),
            // Each of these starts our executables, so they have to be built before it runs.
            tests(
                "SystemTests", path: "System",
                ["mizzen-watcher", "mizzen-frontend", "mizzen-collector", "mizzen-exporter", "cluster-simulator"],
                exclude: ["traps.tsv"]),
        ]
)

// The properties that fuzzing attacks are in Tests/Fuzz/Targets: `make fuzz` links them with libFuzzer, FuzzTests replays their
// corpora.
if fuzzes {
    package.targets.append(
        .executableTarget(
            name: "mizzen-fuzz", dependencies: fuzzDependencies + ["TestSupport"], path: "Tests/Fuzz", exclude: ["Replay", "Corpora"],
            swiftSettings: strict + instrumented, linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address", "-use-ld=lld"])]))
} else {
    package.targets.append(tests("FuzzTests", path: "Fuzz", fuzzDependencies, exclude: ["Main", "Corpora"]))
}

// For scripts/sanitize: only the table, the stream, the shared counters and what they need, since a sanitizer's build starts from nothing.
// Modules with locks get ones that the thread sanitizer sees.
if sanitizes {
    let kept: Set = [
        "CZeroMQ", "CProtobufC", "CMizzenSystem", "MizzenSystem", "CSchemas", "Names", "RecordTable", "RecordTableWriter",
        "KubernetesObjects", "DeltaStream", "TestSupport", "table-probe", "stream-probe", "RecordTableTests", "DeltaStreamTests",
        "NetworkErrors", "ProcessRuntime",
        "SharedCounters", "counter-probe", "SharedCountersTests",
    ]
    package.targets.removeAll { !kept.contains($0.name) }
    package.products = []
    let locking: Set = ["DeltaStream", "DeltaStreamTests", "stream-probe"]
    for target in package.targets where locking.contains(target.name) {
        target.dependencies.append("SanitizedMutex")
        target.swiftSettings?.append(.define("MIZZEN_SANITIZE"))
    }
    package.targets.append(.target(name: "SanitizedMutex", path: "Tests/SanitizedMutex"))
}
