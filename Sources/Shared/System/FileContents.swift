import Glibc

/// Whole files of moderate size: certificates, keys, configuration.
public enum FileContents {
    public static func read(_ path: String) throws(SystemError) -> [UInt8] {
        // Safe: Swift hands over a NUL-terminated copy.
        let file = Descriptor(try systemCall("open") { unsafe open(path, O_RDONLY | O_CLOEXEC) })
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 16_384)
        while true {
            // Safe: the length is the array's.
            let count = try systemCall("read") { unsafe Glibc.read(file.raw, &piece, piece.count) }
            if count == 0 { return bytes }
            bytes += piece[..<count]
        }
    }

    /// Makes the file, or replaces what is in it.
    /// - Parameter mode: of a file that is made.
    public static func write(_ bytes: [UInt8], to path: String, mode: UInt32) throws(SystemError) {
        // Safe: Swift hands over a NUL-terminated copy.
        let file = Descriptor(try systemCall("open") { unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode) })
        var rest = bytes[...]
        while !rest.isEmpty {
            // Safe: the length is that of the slice whose memory is lent.
            let count = try systemCall("write") {
                unsafe rest.withUnsafeBytes { unsafe Glibc.write(file.raw, $0.baseAddress, $0.count) }
            }
            rest = rest.dropFirst(count)
        }
    }

    /// Makes the directory and those above it that are missing.
    public static func makeDirectory(_ path: String) throws(SystemError) {
        var folder = path.hasPrefix("/") ? "" : "."
        for component in path.split(separator: "/") {
            folder += "/\(component)"
            do throws(SystemError) {
                // Safe: Swift hands over a NUL-terminated copy.
                try systemCall("mkdir") { unsafe mkdir(folder, 0o755) }
            } catch {
                if error.code != EEXIST { throw error }
            }
        }
    }
}
