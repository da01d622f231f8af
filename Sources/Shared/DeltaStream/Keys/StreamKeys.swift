import FoundationEssentials
import Glibc
import MizzenSystem

/// The CURVE keys (ZeroMQ RFC 26) of one process: who it is, whom it trusts, and who may connect.
///
/// They lie in one directory, so that one option names them and one Kubernetes secret holds them:
///
/// | file | for | content |
/// | --- | --- | --- |
/// | `server.key` | whoever publishes | a key pair |
/// | `clients` | whoever publishes | `NAME PUBLIC-KEY` a line: who may connect; read again at each connection |
/// | `server.pub` | whoever subscribes | the publisher's public key |
/// | `client.key` | whoever subscribes | a key pair |
///
/// Keys are written in Z85 (ZeroMQ RFC 32), 40 characters for 32 bytes.
public struct StreamKeys: Hashable, Sendable {
    enum File: String {
        case serverPair = "server.key"
        case serverPublic = "server.pub"
        case clientPair = "client.key"
        case clients
    }

    /// What stands in `server.key` and `client.key`.
    struct Pair: Hashable, Sendable {
        var publicKey: String
        var secretKey: String
    }

    public let directory: String
    let server: Pair?
    let serverPublic: String?
    let client: Pair?

    /// Reads the keys that the directory has.
    /// - Throws: for a directory without any, and for a file that is not what its name says.
    public init(directory: String) throws(DeltaStreamError) {
        self.directory = directory
        server = try Self.pair(Self.path(directory, .serverPair))
        client = try Self.pair(Self.path(directory, .clientPair))
        let publicPath = Self.path(directory, .serverPublic)
        serverPublic = try Self.lines(publicPath).map { lines throws(DeltaStreamError) in
            guard lines.count == 1, lines[0].count == 2, lines[0][0] == "public", ZeroMQ.isKey(lines[0][1]) else {
                throw DeltaStreamError("expected one line: public, and a key of 40 characters", place: publicPath, kind: .keys)
            }
            return lines[0][1]
        }
        guard server != nil || client != nil else {
            throw DeltaStreamError(
                "there are no stream keys here; 'mizzen-watcher keys \(directory)' makes a new set", place: directory, kind: .keys)
        }
    }

    /// What a publisher needs.
    func requireServer() throws(DeltaStreamError) -> Pair {
        guard let server else { throw missing(.serverPair, "to publish") }
        guard FileManager.default.isReadableFile(atPath: Self.path(directory, .clients)) else {
            throw missing(.clients, "to publish")
        }
        return server
    }

    /// What a subscriber needs.
    func requireClient() throws(DeltaStreamError) -> (own: Pair, publisher: String) {
        guard let client else { throw missing(.clientPair, "to subscribe") }
        guard let serverPublic else { throw missing(.serverPublic, "to subscribe") }
        return (client, serverPublic)
    }

    private func missing(_ file: File, _ purpose: String) -> DeltaStreamError {
        DeltaStreamError(
            "\(purpose) over tcp with keys this file is needed, and it is not there or not readable; "
                + "copy it from where 'mizzen-watcher keys' made it", place: Self.path(directory, file), kind: .keys)
    }

    /// The names of those who may connect, by public key, as the file says now.
    func allowedClients() throws(DeltaStreamError) -> [String: String] {
        let path = Self.path(directory, .clients)
        guard let lines = try Self.lines(path) else { throw missing(.clients, "to publish") }
        var names: [String: String] = [:]
        for line in lines {
            guard line.count == 2, ZeroMQ.isKey(line[1]) else {
                throw DeltaStreamError(
                    "the line '\(line.joined(separator: " "))' is not a name and a public key of 40 characters", place: path, kind: .keys)
            }
            names[line[1]] = line[0]
        }
        return names
    }

    static func path(_ directory: String, _ file: File) -> String { directory + "/" + file.rawValue }

    /// - Returns: nil where there is no such file.
    private static func pair(_ path: String) throws(DeltaStreamError) -> Pair? {
        guard let lines = try lines(path) else { return nil }
        let words = Dictionary(lines.filter { $0.count == 2 }.map { ($0[0], $0[1]) }) { first, _ in first }
        guard let publicKey = words["public"], let secretKey = words["secret"], lines.count == 2 else {
            throw DeltaStreamError("expected two lines: public and secret, each with a key of 40 characters", place: path, kind: .keys)
        }
        guard ZeroMQ.publicKey(ofSecret: secretKey) == publicKey else {
            throw DeltaStreamError(
                "the public key does not belong to the secret one, or one is not a key of 40 characters; "
                    + "copy the file again from where 'mizzen-watcher keys' made it", place: path, kind: .keys)
        }
        return Pair(publicKey: publicKey, secretKey: secretKey)
    }

    /// The words of each line that is neither empty nor a comment; nil where there is no such file.
    private static func lines(_ path: String) throws(DeltaStreamError) -> [[String]]? {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try FileContents.read(path)
        } catch {
            if error.code == ENOENT { return nil }
            throw DeltaStreamError("cannot be read (\(error.words)); make it readable for this user", place: path, kind: .keys)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw DeltaStreamError("is not text; copy it again from where 'mizzen-watcher keys' made it", place: path, kind: .keys)
        }
        return text.split(whereSeparator: \.isNewline).map { line in
            line.split(whereSeparator: \.isWhitespace).map(String.init)
        }.filter { !$0.isEmpty && $0[0] != "#" }
    }
}
