import Names
import RegularExpressions

/// A part of a compiled expression, its types checked.
indirect enum ExpressionNode: Sendable {
    case constant(ExpressionValue)
    case fact(ExpressionFact)
    /// `#` inside a predicate.
    case element
    case either([ExpressionNode])
    case both([ExpressionNode])
    case not(ExpressionNode)
    case negative(ExpressionNode)
    case operation(ExpressionOperator, ExpressionNode, ExpressionNode)
    case matches(ExpressionNode, RegularExpression)
    case conditional(ExpressionNode, ExpressionNode, ExpressionNode)
    case list([ExpressionNode])
    case index(ExpressionNode, ExpressionNode)
    case slice(ExpressionNode, from: ExpressionNode?, to: ExpressionNode?)
    case call(ExpressionFunction, [ExpressionNode])
    /// `incidr` with a block that is known before.
    case inBlock(ExpressionNode, AddressBlock)
    case predicate(ExpressionPredicate, over: ExpressionNode, ExpressionNode)
}

/// Operators between two values, but for `||`, `&&` and `matches`.
enum ExpressionOperator: String, Sendable {
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case atMost = "<="
    case greater = ">"
    case atLeast = ">="
    case plus = "+"
    case minus = "-"
    case times = "*"
    case divided = "/"
    case modulo = "%"
    case power = "**"
    case range = ".."
    case coalesce = "??"
    case isIn = "in"
    case contains, startsWith, endsWith
}

enum ExpressionFunction: String, CaseIterable, Sendable {
    // CoreDNS's.
    case incidr, metadata
    // expr-lang's.
    case len, lower, upper, trim, trimPrefix, trimSuffix, split, join, replace, `repeat`, indexOf, lastIndexOf, hasPrefix, hasSuffix
    case int, float, string, abs, max, min, first, last

    var arity: ClosedRange<Int> {
        switch self {
        case .metadata, .len, .lower, .upper, .int, .float, .string, .abs, .first, .last: 1...1
        case .incidr, .trimPrefix, .trimSuffix, .repeat, .indexOf, .lastIndexOf, .hasPrefix, .hasSuffix: 2...2
        case .trim, .join: 1...2
        case .split: 2...3
        case .replace: 3...3
        case .max, .min: 1...Int.max
        }
    }
}

enum ExpressionPredicate: String, CaseIterable, Sendable {
    case any, all, none, one, filter, map, count, find
}

/// An address and how many of its bits count.
struct AddressBlock: Sendable, Equatable {
    private var address: [UInt8]
    private var bits: Int

    /// `ADDRESS/BITS`.
    init?(_ text: some StringProtocol) {
        guard let slash = text.firstIndex(of: "/"), let address = IPAddress(String(text[..<slash])) else { return nil }
        let digits = text[text.index(after: slash)...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let bits = Int(digits),
            bits <= address.bytes.count * 8
        else { return nil }
        self.address = address.bytes
        self.bits = bits
    }

    /// An IPv4 address is in no IPv6 block and the other way around; an IPv4-mapped address is the IPv4 address.
    func contains(_ other: IPAddress) -> Bool {
        let bytes = other.unmapped.bytes
        guard bytes.count == address.count else { return false }
        for index in 0..<bits where (bytes[index / 8] ^ address[index / 8]) >> UInt8(7 - index % 8) & 1 != 0 { return false }
        return true
    }
}

extension IPAddress {
    fileprivate var unmapped: IPAddress {
        if case .v6(0, let low) = self, low >> 32 == 0xFFFF { .v4(UInt32(truncatingIfNeeded: low)) } else { self }
    }
}
