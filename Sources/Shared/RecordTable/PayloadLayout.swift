package import Names

/// Sizes and places inside payloads. A string or array reference is {offset: 4 bytes, length or count: 4 bytes}.
package enum PayloadLayout {
    package static let labelSize = 16
    package static let portSize = 16
    package static let endpointSize = 48

    package enum Namespace {
        package static let labels = 0
        package static let size = 8
    }

    package enum Service {
        package static let kind = 0
        package static let flags = 1
        package static let addressCount = 2
        package static let addresses = 4
        package static let ports = 8
        package static let labels = 16
        package static let externalName = 24
        package static let externalIPCount = 32
        package static let externalIPs = 36
        package static let ingressNames = 40
        package static let size = 48
        package static let publishesNotReady: UInt8 = 1
    }

    package enum Slice {
        package static let addressType = 0
        package static let ports = 8
        package static let endpoints = 16
        package static let labels = 24
        package static let size = 32
    }

    package enum Endpoint {
        package static let flags = 0
        package static let addressCount = 2
        package static let addresses = 4
        package static let hostname = 8
        package static let podName = 16
        package static let nodeName = 24
        package static let zone = 32
        package static let zoneHints = 40
        package static let isReady: UInt8 = 1
        package static let isServing: UInt8 = 2
        package static let isTerminating: UInt8 = 4
    }

    package enum Pod {
        package static let uid = 0
        package static let nodeName = 8
        package static let addresses = 16
        package static let labels = 24
        package static let flags = 32
        package static let size = 40
        package static let isHostNetwork: UInt8 = 1
        package static let isReady: UInt8 = 2
    }
}

extension IPAddress {
    /// The address as two big-endian words of an IPv6 address, IPv4 mapped.
    package var mappedWords: (high: UInt64, low: UInt64) {
        switch self {
        case .v4(let address): (0, 0xFFFF_0000_0000 | UInt64(address))
        case .v6(let high, let low): (high, low)
        }
    }

    package init(mappedHigh high: UInt64, low: UInt64) {
        self = high == 0 && low >> 32 == 0xFFFF ? .v4(UInt32(truncatingIfNeeded: low)) : .v6(high: high, low: low)
    }

    /// 16 bytes, as keys have them.
    package var mappedBytes: [UInt8] {
        let (high, low) = mappedWords
        return (0..<8).map { UInt8(truncatingIfNeeded: high >> UInt64(56 - 8 * $0)) }
            + (0..<8).map { UInt8(truncatingIfNeeded: low >> UInt64(56 - 8 * $0)) }
    }
}
