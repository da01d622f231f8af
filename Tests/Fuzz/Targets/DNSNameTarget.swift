@testable import Frontend

extension FuzzTarget {
    /// The input read as a wire name at offset 0 and as presentation text. A name that is read has at most 255 octets and labels of
    /// 1 to 63; its text and its octets read back to it; an error's offset lies inside the input.
    static let dnsName = FuzzTarget(name: "dns-name", longestInput: 1100) { input throws(PropertyFailure) in
        var name = DNSName()
        switch Result(catching: { () throws(WireError) in try name.read(input.span, at: 0) }) {
        case .success(let end):
            try expect((1...input.count).contains(end), "the name ends at \(end) of \(input.count)")
        case .failure(let error):
            try expect((0...input.count).contains(error.offset), "\(error) lies outside \(input.count) octets")
            try expect(name == DNSName(), "a name that was not read is the root, not \(name)")
        }
        try checkName(name)
        guard let text = String(validating: input, as: UTF8.self) else { return }
        switch Result(catching: { () throws(WireError) in try DNSName(text) }) {
        case .success(let name): try checkName(name)
        case .failure(let error):
            try expect((0...input.count).contains(error.offset), "\(error) lies outside \(input.count) octets of text")
        }
    }

    private static func checkName(_ name: DNSName) throws(PropertyFailure) {
        var octets: [UInt8] = []
        for index in 0..<name.length { octets.append(name.storage[index]) }
        try expect(name.length <= 255, "\(name.length) octets")
        var at = 0
        for index in 0..<name.labelCount {
            let range = name.range(ofLabel: index)
            try expect(range.lowerBound == at + 1 && (1...63).contains(range.count), "label \(index) is at \(range)")
            at = range.upperBound
        }
        try expect(at == name.length - 1 && octets[at] == 0, "the labels end at \(at) of \(name.length)")
        var again = DNSName()
        let end = try? again.read(octets.span, at: 0)
        try expect(end == octets.count && again == name, "\(name) reads back from its octets as \(again)")
        let fromText = try? DNSName(name.description)
        try expect(fromText == name, "\(name) reads back from its text as \(fromText?.description ?? "an error")")
        var lower = name
        _ = lower.lowercase()
        var twice = lower
        try expect(!twice.lowercase() && twice == lower, "\(lower) is not lower case")
        try expect(lower.hasSuffix(lower) && lower.hasSuffix(DNSName()), "\(lower) does not end with itself and the root")
    }
}
