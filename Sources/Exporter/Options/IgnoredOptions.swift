import ArgumentParser
import ProcessRuntime

/// Accepted, so that a command line for kube-state-metrics works, but without effect here: what it says about the API server, to Go's
/// memory management and to its logging library klog.
struct IgnoredOptions: ParsableArguments, Sendable {
    @Option(help: ArgumentHelp("Ignored: nothing here talks to the API server.", valueName: "file"))
    var kubeconfig: String?

    @Option(help: ArgumentHelp("Ignored: nothing here talks to the API server.", valueName: "url"))
    var apiserver: String?

    @Flag(help: "Ignored: nothing here talks to the API server.")
    var useApiserverCache = false

    @Option(help: ArgumentHelp("Ignored: nothing here lists objects.", valueName: "number"), transform: OptionValue.count)
    var objectLimit: Int?

    @Flag(help: "Ignored: there is no Go heap here.")
    var autoGomemlimit = false

    @Option(help: ArgumentHelp("Ignored: there is no Go heap here.", valueName: "ratio"))
    var autoGomemlimitRatio: Double?

    @Option(
        name: [.customLong("v"), .customShort("v")],
        help: ArgumentHelp("Ignored, as all of klog's options below: see --log-level.", valueName: "number"))
    var verbosity: Int?

    @Option(name: .customLong("vmodule"), help: ArgumentHelp("Ignored.", valueName: "pattern=number,…"))
    var verbosityOfModules: String?

    @Flag(name: .customLong("logtostderr"), help: "Ignored.") var logToStandardError = false
    @Flag(name: .customLong("alsologtostderr"), help: "Ignored.") var alsoLogToStandardError = false

    @Option(name: .customLong("stderrthreshold"), help: ArgumentHelp("Ignored.", valueName: "severity"))
    var standardErrorThreshold: String?

    @Option(name: .customLong("alsologtostderrthreshold"), help: ArgumentHelp("Ignored.", valueName: "severity"))
    var alsoLogToStandardErrorThreshold: String?

    @Flag(name: .customLong("legacy_stderr_threshold_behavior"), help: "Ignored.") var legacyThreshold = false
    @Flag(name: .customLong("add_dir_header"), help: "Ignored.") var addDirectoryHeader = false
    @Flag(name: .customLong("skip_headers"), help: "Ignored.") var skipHeaders = false
    @Flag(name: .customLong("skip_log_headers"), help: "Ignored.") var skipLogHeaders = false
    @Flag(name: .customLong("one_output"), help: "Ignored.") var oneOutput = false
    @Option(name: .customLong("log_dir"), help: ArgumentHelp("Ignored.", valueName: "directory")) var logDirectory: String?
    @Option(name: .customLong("log_file"), help: ArgumentHelp("Ignored.", valueName: "file")) var logFile: String?

    @Option(name: .customLong("log_file_max_size"), help: ArgumentHelp("Ignored.", valueName: "megabytes"))
    var logFileMaximum: UInt64?

    @Option(name: .customLong("log_backtrace_at"), help: ArgumentHelp("Ignored.", valueName: "file:line"))
    var logBacktraceAt: String?

    /// The options that are given, with why they do nothing.
    var given: [(flag: String, reason: String)] {
        let server = "nothing here talks to the API server"
        let heap = "there is no Go heap here"
        let log = "logs go to standard error; --log-level and --log-format say what and how"
        let all: [(String, Bool, String)] = [
            ("--kubeconfig", kubeconfig != nil, server), ("--apiserver", apiserver != nil, server),
            ("--use-apiserver-cache", useApiserverCache, server), ("--object-limit", objectLimit != nil, server),
            ("--auto-gomemlimit", autoGomemlimit, heap), ("--auto-gomemlimit-ratio", autoGomemlimitRatio != nil, heap),
            ("-v", verbosity != nil, log), ("--vmodule", verbosityOfModules != nil, log),
            ("--logtostderr", logToStandardError, log), ("--alsologtostderr", alsoLogToStandardError, log),
            ("--stderrthreshold", standardErrorThreshold != nil, log),
            ("--alsologtostderrthreshold", alsoLogToStandardErrorThreshold != nil, log),
            ("--legacy_stderr_threshold_behavior", legacyThreshold, log), ("--add_dir_header", addDirectoryHeader, log),
            ("--skip_headers", skipHeaders, log), ("--skip_log_headers", skipLogHeaders, log), ("--one_output", oneOutput, log),
            ("--log_dir", logDirectory != nil, log), ("--log_file", logFile != nil, log),
            ("--log_file_max_size", logFileMaximum != nil, log), ("--log_backtrace_at", logBacktraceAt != nil, log),
        ]
        return all.compactMap { $0.1 ? ($0.0, $0.2) : nil }
    }
}
