import KubernetesObjects
import MizzenSystem
import Testing

@testable import Exporter

/// What is written by a shorter way, against the longer one.
@Suite struct SampleBufferTests {
    private func text(_ fill: (inout SampleBuffer) -> Void) -> String {
        var buffer = SampleBuffer(capacity: 1)
        fill(&buffer)
        return String(decoding: buffer.bytes, as: UTF8.self)
    }

    @Test("numbers are written as arrays write them")
    func numbers() {
        var random = SeededRandom(seed: 3)
        var values: [Double] = [
            0, -0.0, 1, 9, 10, 99, 100, 999_999, 1_000_000, 1_000_001, 9_999_999, 1e15, 1e15 - 1, 1e16, -1, 0.5, .nan, .infinity,
        ]
        for digits in 0..<17 {
            var highest = 1.0
            for _ in 0..<digits { highest *= 10 }
            values += [highest, highest - 1, highest + 1, highest * 7, highest * 1.5]
            values += (0..<50).map { _ in Double.random(in: highest..<highest * 10, using: &random).rounded() }
        }
        for value in values {
            var bytes: [UInt8] = []
            bytes.append(number: value)
            #expect(text { $0.append(number: value) } == String(decoding: bytes, as: UTF8.self))
        }
    }

    @Test("a byte that needs an escape is found wherever it stands, in text of any length")
    func escapes() {
        let special: [UInt8: String] = [UInt8(ascii: "\\"): "\\\\", UInt8(ascii: "\""): "\\\"", UInt8(ascii: "\n"): "\\n"]
        for length in 0..<40 {
            let plain = [UInt8](repeating: UInt8(ascii: "!"), count: length)
            #expect(
                text { $0.append(label: "l", value: String(decoding: plain, as: UTF8.self)) }
                    == "l=\"\(String(decoding: plain, as: UTF8.self))\"")
            for place in 0..<length {
                for byte in UInt8.min...UInt8.max {
                    var bytes = plain
                    bytes[place] = byte
                    let isPlain = byte < 0x80 && special[byte] == nil
                    // Safe: the array lives through the call.
                    #expect(unsafe bytes.withUnsafeBufferPointer { unsafe $0.isPlain } == isPlain)
                    guard let escaped = special[byte] else { continue }
                    let (before, after) = (String(repeating: "!", count: place), String(repeating: "!", count: length - place - 1))
                    #expect(
                        text { $0.append(label: "l", value: String(decoding: bytes, as: UTF8.self)) } == "l=\"\(before)\(escaped)\(after)\""
                    )
                }
            }
        }
    }

    @Test("the length of a sample of any size stands before it")
    func lengths() {
        for length in [0, 1, 253, 254, 255, 256, 70_000] {
            let content = String(repeating: "x", count: length)
            var buffer = SampleBuffer(capacity: 1)
            buffer.append("before")
            let start = buffer.count
            buffer.append(0)
            buffer.append(content)
            buffer.end(from: start)
            buffer.append("after")
            var expected = Array("before".utf8)
            expected.append(length: length)
            #expect(buffer.bytes == expected + Array((content + "after").utf8))
        }
    }

    @Test("an address that is told by its look is what the whole reading of it says")
    func addresses() {
        var random = SeededRandom(seed: 4)
        let alphabet = Array("0123456789abcdef:::...%gF".utf8)
        var usual = 0
        func check(_ text: String) {
            let bytes = Array(text.utf8)
            guard let family = usualAddressFamily(bytes.span) else { return }
            usual += 1
            #expect(family == addressFamily(text), "\(text)")
        }
        for text in [
            "10.0.0.1", "255.255.255.255", "256.0.0.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "0.0.0.0", "1.2.3.", ".1.2.3", "1..2.3",
            "fd00::1", "fe80::1%eth0",
            "::1", "::", "2001:db8::", "2001:db8:::", "2001:db8:", "2001::db8::1", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::",
            "1:2:3:4:5:6:7:8:9", "1::2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7", "12345::", "::ffff:1.2.3.4", "0::ffff:102:304", "a::", "a:", "a", "",
        ] { check(text) }
        for _ in 0..<200_000 {
            check(
                String(
                    decoding: (0..<Int.random(in: 1...20, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? 0 },
                    as: UTF8.self))
        }
        // Groups and points where they belong, most of them.
        for _ in 0..<20_000 {
            let groups = (0..<Int.random(in: 6...9, using: &random)).map { _ in
                String(UInt16.random(in: 0...2, using: &random) &* 0x7fff, radix: 16)
            }
            check(groups.joined(separator: ":"))
            check(
                (0..<Int.random(in: 3...5, using: &random)).map { _ in "\(Int.random(in: 0...300, using: &random))" }.joined(separator: ".")
            )
        }
        #expect(usual > 5_000)
    }
}
