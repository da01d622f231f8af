import Foundation
import TestSupport
import Testing

/// Programs that see a resolv.conf as a kubelet writes it, in a mount namespace of their own. That takes root, as port 53 does.
struct PodPrograms {
    struct Absent: Error, CustomStringConvertible {
        let description: String
        init(_ tool: String) { description = "\(tool) is not installed; run scripts/requirements test" }
    }

    private let folder: TemporaryFolder

    /// - Parameter nameserver: an address, where port 53 is asked.
    init(in folder: TemporaryFolder, nameserver: String, namespace: String, options: String) throws {
        self.folder = folder
        let resolver = """
            nameserver \(nameserver)
            search \(namespace).svc.cluster.local svc.cluster.local cluster.local
            options \(options) timeout:5 attempts:1

            """
        try folder.write(Array(resolver.utf8), to: "resolv.conf")
        try folder.write(Array("hosts: dns\n".utf8), to: "nsswitch.conf")
    }

    /// An address of the loopback network that nobody else is likely to have port 53 of.
    static func nameserver() -> String {
        "127.\(Int.random(in: 64..<128)).\(Int.random(in: 1..<255)).\(Int.random(in: 1..<255))"
    }

    static func path(of tool: String) throws -> String {
        guard let folder = ["/usr/bin", "/bin"].first(where: { FileManager.default.isExecutableFile(atPath: "\($0)/\(tool)") }) else {
            throw Absent(tool)
        }
        return "\(folder)/\(tool)"
    }

    /// What a program prints.
    static func output(_ path: String, _ arguments: [String], in folder: TemporaryFolder) async throws -> (code: Int32, text: String) {
        let process = try RunningProcess(path, arguments, in: folder)
        let code = try await process.exitCode(within: .seconds(30))
        return (code, process.output)
    }

    func run(_ path: String, _ arguments: [String]) async throws -> (code: Int32, text: String) {
        let script = #"mount --bind "$1" /etc/resolv.conf && mount --bind "$2" /etc/nsswitch.conf && shift 2 && exec "$@""#
        return try await Self.output(
            try Self.path(of: "unshare"),
            ["-m", "sh", "-c", script, "sh", folder.path("resolv.conf"), folder.path("nsswitch.conf"), path] + arguments, in: folder)
    }

    /// The path of a program with musl's resolver: prints the addresses of its first argument, or with a second one the name of an address.
    func musl() async throws -> String {
        try folder.write(Array(Self.program.utf8), to: "resolve.c")
        let (code, text) = try await Self.output(
            try Self.path(of: "musl-gcc"), ["-static", "-o", folder.path("resolve"), folder.path("resolve.c")], in: folder)
        try #require(code == 0, "\(text)")
        return folder.path("resolve")
    }

    /// Prints the addresses of its first argument, or what `getaddrinfo` says; with a second argument the name of the address.
    private static let program = """
        #include <netdb.h>
        #include <stdio.h>
        #include <string.h>
        int main(int count, char **words)
        {
            struct addrinfo hints, *found, *one;
            char text[256];
            memset(&hints, 0, sizeof hints);
            hints.ai_socktype = SOCK_STREAM;
            int reverse = count > 2;
            if (reverse)
                hints.ai_flags = AI_NUMERICHOST;
            int code = getaddrinfo(words[1], 0, &hints, &found);
            if (code) {
                puts(code == EAI_NONAME ? "no such name" : gai_strerror(code));
                return 0;
            }
            for (one = found; one; one = one->ai_next)
                if (!getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof text, 0, 0, reverse ? NI_NAMEREQD : NI_NUMERICHOST))
                    puts(text);
            return 0;
        }

        """
}
