import Foundation

/// The body at `url`, fetched by curl: it speaks to servers as any client does, and does not mind the certificates of tests.
/// - Parameter options: for example headers.
package func fetch(_ url: String, _ options: [String] = []) async throws -> String {
    let curl = Process()
    curl.executableURL = URL(filePath: "/usr/bin/curl")
    curl.arguments = ["--silent", "--insecure", "--fail", "--max-time", "10"] + options + [url]
    let output = Pipe()
    curl.standardOutput = output
    curl.standardInput = FileHandle.nullDevice
    try curl.run()
    let body = try output.fileHandleForReading.readToEnd() ?? Data()
    curl.waitUntilExit()
    guard curl.terminationStatus == 0 else { throw DidNotHappen(description: "curl \(url) ended with \(curl.terminationStatus)") }
    return String(decoding: body, as: UTF8.self)
}
