/// Octets written as hex with comments: everything behind `;` on a line is for the reader.
func octets(_ annotated: String) -> [UInt8] {
    annotated.split(separator: "\n").flatMap { line in
        line.prefix { $0 != ";" }.split(separator: " ").compactMap { UInt8($0, radix: 16) }
    }
}
