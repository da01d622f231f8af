import Glibc

/// Hosts that a server listens on.
public enum ListenHost {
    /// Every address of this host, those of IPv6 too where the kernel has it: what Go's servers make of `:PORT`.
    public static var all: String { usable("::") }

    /// `::` means every address, also where the kernel has no IPv6.
    public static func usable(_ host: String) -> String {
        // Safe: the path is a constant, copied for the call.
        let hasIPv6 = unsafe access("/proc/net/if_inet6", F_OK) == 0
        return host == "::" && !hasIPv6 ? "0.0.0.0" : host
    }
}
