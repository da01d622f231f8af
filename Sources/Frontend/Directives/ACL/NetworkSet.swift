import Names

/// Addresses of any number of networks: a look-up is a binary search among ranges that do not touch.
struct NetworkSet: Sendable {
    private var v4: [ClosedRange<UInt32>] = []
    private var v6: [ClosedRange<UInt128>] = []

    init(_ networks: [IPNetwork]) {
        for network in networks {
            switch network.address {
            case .v4(let first): v4.append(first...(first | (network.length == 0 ? .max : ~(.max << UInt32(32 - network.length)))))
            case .v6(let high, let low):
                let first = UInt128(high) << 64 | UInt128(low)
                v6.append(first...(first | (network.length == 0 ? .max : ~(.max << UInt128(128 - network.length)))))
            }
        }
        v4 = Self.merged(v4)
        v6 = Self.merged(v6)
    }

    private static func merged<Bits: FixedWidthInteger>(_ ranges: [ClosedRange<Bits>]) -> [ClosedRange<Bits>] {
        var result: [ClosedRange<Bits>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = result.last, last.upperBound == .max || range.lowerBound <= last.upperBound + 1 {
                result[result.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                result.append(range)
            }
        }
        return result
    }

    func contains(_ address: IPAddress) -> Bool {
        switch address {
        case .v4(let bits): Self.find(bits, in: v4)
        case .v6(let high, let low): Self.find(UInt128(high) << 64 | UInt128(low), in: v6)
        }
    }

    private static func find<Bits: FixedWidthInteger>(_ bits: Bits, in ranges: [ClosedRange<Bits>]) -> Bool {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < bits { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].lowerBound <= bits
    }
}
