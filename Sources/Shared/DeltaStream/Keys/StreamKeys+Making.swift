import FoundationEssentials
import Glibc

extension StreamKeys {
    /// Makes a new set: a publisher's pair, and the pair of a first client called `local`, who may connect.
    ///
    /// The directory is made where it is missing. Nothing is ever overwritten.
    /// - Returns: the files made.
    public static func make(in directory: String) throws(DeltaStreamError) -> [String] {
        guard !FileManager.default.fileExists(atPath: path(directory, .serverPair)) else {
            throw DeltaStreamError(
                "this directory has keys already; add a client with --client NAME, or choose another directory",
                place: directory, kind: .notCreated)
        }
        try makeDirectory(directory)
        let server = ZeroMQ.newKeyPair()
        let client = ZeroMQ.newKeyPair()
        try write(client, to: path(directory, .clientPair))
        try writePublic(server.publicKey, to: path(directory, .serverPublic))
        try write(
            "# Who may connect: a name and a public key a line. Read again at each connection.\nlocal \(client.publicKey)\n",
            to: path(directory, .clients), flags: O_EXCL, mode: 0o644)
        // Last: a set that was interrupted is not taken for a whole one.
        try write(server, to: path(directory, .serverPair))
        return [File.serverPair, .serverPublic, .clientPair, .clients].map { path(directory, $0) }
    }

    /// Makes the keys of a further client in the directory `NAME`, to be carried to its host, and lets it connect.
    /// - Returns: the files made.
    public static func addClient(_ name: String, to directory: String) throws(DeltaStreamError) -> [String] {
        let keys = try StreamKeys(directory: directory)
        let server = try keys.requireServer()
        guard !name.isEmpty, name.utf8.allSatisfy(isNameByte), !name.hasPrefix("."),
            !File.allNames.contains(name)
        else {
            throw DeltaStreamError(
                "a client's name has letters, digits, dots, dashes and underscores only", place: name, kind: .badArgument)
        }
        let folder = directory + "/" + name
        guard try !keys.allowedClients().values.contains(name), !FileManager.default.fileExists(atPath: folder) else {
            throw DeltaStreamError(
                "there is a client of this name already; choose another, or remove its directory and its line in "
                    + path(directory, .clients), place: folder, kind: .notCreated)
        }
        try makeDirectory(folder)
        let client = ZeroMQ.newKeyPair()
        try write(client, to: path(folder, .clientPair))
        try writePublic(server.publicKey, to: path(folder, .serverPublic))
        try write("\(name) \(client.publicKey)\n", to: path(directory, .clients), flags: O_APPEND, mode: 0o644)
        return [path(folder, .clientPair), path(folder, .serverPublic)]
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func write(_ pair: Pair, to path: String) throws(DeltaStreamError) {
        try write(
            "# Keep this file to whom it belongs: the secret key is as good as a password.\n"
                + "public \(pair.publicKey)\nsecret \(pair.secretKey)\n", to: path, flags: O_EXCL, mode: 0o600)
    }

    private static func writePublic(_ key: String, to path: String) throws(DeltaStreamError) {
        try write("public \(key)\n", to: path, flags: O_EXCL, mode: 0o644)
    }

    private static func makeDirectory(_ path: String) throws(DeltaStreamError) {
        // Safe: Swift hands over a NUL-terminated copy.
        guard unsafe mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw DeltaStreamError("cannot make this directory", place: path, kind: .notCreated, errorNumber: errno)
        }
    }

    private static func write(_ text: String, to path: String, flags: Int32, mode: mode_t) throws(DeltaStreamError) {
        // Safe: Swift hands over a NUL-terminated copy.
        let file = unsafe open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, mode)
        guard file >= 0 else {
            throw DeltaStreamError(
                errno == EEXIST ? "this file is there already, and keys are never overwritten" : "cannot make this file",
                place: path, kind: .notCreated, errorNumber: errno)
        }
        defer { close(file) }
        let bytes = Array(text.utf8)
        // Safe: the array has that many bytes. One short line: written whole, or the file system is full.
        guard unsafe Glibc.write(file, bytes, bytes.count) == bytes.count, fsync(file) == 0 else {
            throw DeltaStreamError(
                "cannot write this file; remove it before the next try", place: path, kind: .notCreated, errorNumber: errno)
        }
    }
}

extension StreamKeys.File {
    /// Names that a client's directory cannot have.
    static let allNames: Set<String> = Set([Self.serverPair, .serverPublic, .clientPair, .clients].map(\.rawValue))
}
