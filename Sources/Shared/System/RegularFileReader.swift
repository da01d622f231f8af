import Glibc

/// Reads a regular file from its beginning, piece by piece.
public struct RegularFileReader: ~Copyable {
    private let file: Descriptor
    /// As it was when it was opened.
    public let identity: RegularFile.Identity

    /// - Throws: for what is no regular file, as ``RegularFile/read(_:limit:)``.
    public init(_ path: String) throws(RegularFile.Fault) { (file, identity) = try RegularFile.open(path) }

    /// The next bytes; fewer only at the end.
    public mutating func read(_ count: Int) throws(RegularFile.Fault) -> [UInt8] {
        let raw = file.raw
        var fault: RegularFile.Fault?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { room, filled in
            do throws(RegularFile.Fault) {
                while filled < count {
                    let got = try RegularFile.call("read") {
                        // Safe: as much as there is room for behind what is filled.
                        unsafe Glibc.read(raw, room.baseAddress.map { unsafe $0 + filled }, count - filled)
                    }
                    if got == 0 { return }
                    filled += got
                }
            } catch {
                fault = error
            }
        }
        if let fault { throw fault }
        return bytes
    }
}
