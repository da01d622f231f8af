import KubernetesObjects
import MizzenSystem

extension FuzzTarget {
    /// The input read as a quantity. One that is read lies within its bounds, rounds away from zero, is the negative of itself with the other
    /// sign, and is the same amount when its billionths are written as a decimal.
    static let quantity = FuzzTarget(name: "quantity", longestInput: 200) { input throws(PropertyFailure) in
        let text = String(decoding: input, as: UTF8.self)
        guard let quantity = Quantity(text) else { return }
        let unit: Int128 = 1_000_000_000
        try expect(quantity.nanos.magnitude <= UInt128(Int64.max) * UInt128(unit), "\(text) is \(quantity.nanos) billionths")
        let (value, milli) = (Int128(quantity.value) * unit, Int128(quantity.milliValue) * (unit / 1000))
        try expect(
            value.magnitude >= quantity.nanos.magnitude && value.magnitude - quantity.nanos.magnitude < unit,
            "\(text) rounds to \(quantity.value)")
        if quantity.milliValue.magnitude < Int64.max {
            try expect(
                milli.magnitude >= quantity.nanos.magnitude && milli.magnitude - quantity.nanos.magnitude < unit / 1000,
                "\(text) rounds to \(quantity.milliValue) thousandths")
        }
        let unsigned = text.utf8.first.map { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") } == true ? text.dropFirst() : text[...]
        let (negative, positive) = (Quantity("-\(unsigned)"), Quantity("+\(unsigned)"))
        try expect(negative?.nanos == positive.map { -$0.nanos }, "with a minus \(unsigned) is \(String(describing: negative))")
        try expect(quantity == (text.hasPrefix("-") ? negative : positive), "a sign changes more than the sign of \(text)")
        let rest = String(quantity.nanos.magnitude % UInt128(unit))
        let decimal =
            "\(quantity.nanos < 0 ? "-" : "")\(quantity.nanos.magnitude / UInt128(unit)).\(String(repeating: "0", count: 9 - rest.count))\(rest)"
        try expect(Quantity(decimal) == quantity, "\(text) is not \(decimal)")
    }
}
