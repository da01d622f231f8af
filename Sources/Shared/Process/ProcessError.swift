/// What a process says when it cannot start or carry on: one line on standard error and an exit code.
public struct ProcessError: Error, Equatable, CustomStringConvertible {
    /// The exit code, one of ``ExitStatus`` (sysexits.h).
    public var code: Int32
    /// What is wrong and what to do about it.
    public var message: String
    /// Where: `file:line`, a flag, an environment variable, an address.
    public var place: String?
    /// What the system or a library said, if that helps.
    public var cause: String?

    public init(code: Int32, message: String, place: String? = nil, cause: String? = nil) {
        self.code = code
        self.message = message
        self.place = place
        self.cause = cause
    }

    public var description: String {
        var text = ""
        if let place { text += "\(place): " }
        text += message
        if let cause { text += " (\(cause))" }
        // One fault is one line, whatever a library put into its message.
        return String(text.map { $0.isNewline ? " " : $0 })
    }
}

/// Exit codes, with the numbers of sysexits.h so that supervisors and people can look them up.
public enum ExitStatus {
    /// The command line is wrong.
    public static let usage: Int32 = 64
    /// Something that is needed is not reachable or not free: a port in use, an address that cannot be bound.
    public static let unavailable: Int32 = 69
    /// A fault of our own.
    public static let software: Int32 = 70
    /// A file, socket or directory cannot be created.
    public static let cannotCreate: Int32 = 73
    /// Somebody else does this process's work now; started again, it waits for its turn.
    public static let superseded: Int32 = 75
    /// A configuration file or an environment variable is wrong.
    public static let configuration: Int32 = 78
}
