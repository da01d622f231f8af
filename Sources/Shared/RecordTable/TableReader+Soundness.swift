// What a reader can know of a table that was written before the machine last started: pages may not have reached the disk.

extension TableReader {
    /// One state of the files: which control file, and which data file.
    public struct Version: Sendable, Hashable {
        let file: FileIdentity
        let generation: UInt64
    }

    public var version: Version { Version(file: control.identity, generation: data.generation) }

    /// Whether every record that the writer counted is there. Reads the whole table, so not for threads that answer queries; while
    /// a writer works the result means nothing.
    public func isWhole() -> Bool { data.isWhole() }
}

extension TableStatus {
    /// Whether a writer has opened the table since the machine started. It then has looked at every record, and what readers see is
    /// what it wrote; before that a power loss may have taken some.
    public func isOfBoot(_ running: BootIdentity) -> Bool { boot != .unknown && boot == running }
}
