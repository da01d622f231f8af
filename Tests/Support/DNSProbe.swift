import Glibc

/// Asks a DNS server on 127.0.0.1 over UDP and reads no more of the answer than system tests need.
package struct DNSProbe {
    package struct Answer: Equatable {
        /// RFC 1035 section 4.1.1.
        package var responseCode: UInt8
        /// The IPv4 addresses of the answer section, in text and sorted.
        package var addresses: [String]
    }

    private let port: UInt16

    package init(port: UInt16) { self.port = port }

    /// The answer to an A question, or nil when none comes within half a second.
    package func addresses(of name: String) -> Answer? {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(socket) }
        var limit = timeval(tv_sec: 0, tv_usec: 500_000)
        var address = loopback(port)
        // Safe: each pointer is to one local structure, with its size.
        unsafe setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let isConnected = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else { return nil }
        let question = Self.question(name)
        var packet = [UInt8](repeating: 0, count: 4096)
        // Safe: the lengths are the arrays'.
        guard unsafe send(socket, question, question.count, 0) == question.count else { return nil }
        let count = unsafe recv(socket, &packet, packet.count, 0)
        guard count >= 12 else { return nil }
        return Self.read(Array(packet[..<count]), questionLength: question.count)
    }

    private static func question(_ name: String) -> [UInt8] {
        var bytes: [UInt8] = [0x4D, 0x5A, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]
        for label in name.split(separator: ".") { bytes += [UInt8(label.utf8.count)] + Array(label.utf8) }
        return bytes + [0, 0, 1, 0, 1]
    }

    private static func read(_ packet: [UInt8], questionLength: Int) -> Answer {
        var answer = Answer(responseCode: packet[3] & 0xF, addresses: [])
        var place = questionLength
        for _ in 0..<(Int(packet[6]) << 8 | Int(packet[7])) {
            while place < packet.count, packet[place] != 0, packet[place] < 0xC0 { place += Int(packet[place]) + 1 }
            place += place < packet.count && packet[place] >= 0xC0 ? 2 : 1
            guard place + 10 <= packet.count else { break }
            let length = Int(packet[place + 8]) << 8 | Int(packet[place + 9])
            let isAddress = packet[place] == 0 && packet[place + 1] == 1 && length == 4
            place += 10
            guard place + length <= packet.count else { break }
            if isAddress {
                answer.addresses.append(packet[place..<(place + 4)].map { String($0) }.joined(separator: "."))
            }
            place += length
        }
        answer.addresses.sort()
        return answer
    }
}
