import Glibc

/// The host's name as the kernel has it; nil where it has none.
public func hostName() -> String? {
    var name = [CChar](repeating: 0, count: 256)
    // Safe: gethostname writes at most the count it is given, and the last octet stays 0.
    let result = unsafe gethostname(&name, name.count - 1)
    let text = String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    return result == 0 && !text.isEmpty ? text : nil
}
