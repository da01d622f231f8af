import Names
import Testing

@testable import Frontend

@Suite("Log lines")
struct LogFormatTests {
    static func exchange(_ name: String, type: UInt16 = 1, over transport: String = "udp") throws -> LogExchange {
        LogExchange(
            remote: .v4(0x7F00_0001), remotePort: 50759, local: .v4(0x7F00_0002), id: 29008, opcode: 0, type: RecordType(rawValue: type),
            recordClass: 1, name: try DNSName(name), transport: transport, size: 36, wantsDNSSEC: false, bufferSize: 1232,
            answer: .init(code: 0, flags: 0x8180, kind: .noError), answerSize: 59, duration: .nanoseconds(37_990_251))
    }

    private func line(_ format: String, _ exchange: LogExchange, metadata: [String: String] = [:]) -> String {
        var buffer: [UInt8] = []
        LogFormat(format).append(exchange, to: &buffer) { label, buffer in
            guard let value = metadata[label] else { return false }
            buffer.append(contentsOf: value.utf8)
            return true
        }
        return String(decoding: buffer, as: UTF8.self)
    }

    @Test("the captured lines of the default format come out octet for octet")
    func captured() throws {
        var denied = try Self.exchange("NX.test.", over: "tcp")
        denied.bufferSize = 65535
        denied.answer = .init(code: 3, flags: 0x8183, kind: .nameError)
        denied.answerSize = 98
        #expect(
            line("{common}", denied)
                == #"127.0.0.1:50759 - 29008 "A IN nx.test. tcp 36 false 65535" NXDOMAIN qr,rd,ra 98 0.037990251s"#)
        var silent = try Self.exchange("silent.test.")
        silent.size = 40
        silent.answer = nil
        silent.answerSize = 0
        #expect(
            line(LogSettings().format, silent) == #"127.0.0.1:50759 - 29008 "A IN silent.test. udp 40 false 1232" - - 0 0.037990251s"#)
        var secure = try Self.exchange("ad.test.", type: 28)
        secure.wantsDNSSEC = true
        secure.answer?.flags = 0x81A0
        #expect(
            line("{combined}", secure)
                == #"127.0.0.1:50759 - 29008 "AAAA IN ad.test. udp 36 true 1232" NOERROR qr,rd,ra,ad 59 0.037990251s "0""#)
    }

    @Test("the captured format of every word, but for those left to chance")
    func everyWord() throws {
        let format =
            "LOG {remote} {proto} {type} {class} {name} {>bufsize} {>do} {rcode} {size} {>opcode} {/x} {>rflags} {rsize} {port} {local} {>id} {duration}"
        #expect(
            line(format, try Self.exchange("ok.test."))
                == "LOG 127.0.0.1 udp A IN ok.test. 1232 false NOERROR 36 0 - qr,rd,ra 59 50759 127.0.0.2 29008 0.037990251s")
    }

    @Test(
        "what is no word stays",
        arguments: [
            ("", ""), ("{}", "{}"), ("{host} {when}", "{host} {when}"), ("A } {name}", "A } ok.test."), ("{ {name} }", "{ ok.test. }"),
            ("{{name}}", "{ok.test.}"), ("{NAME}{name", "{NAME}{name"), ("}{", "}{"), ("{>ID}", "{>ID}"), ("{/a/b}!", "-!"), ("{/}", "-"),
        ])
    func literals(format: String, text: String) throws {
        #expect(line(format, try Self.exchange("ok.test.")) == text)
    }

    @Test("metadata is put in, an empty value as nothing, and a line stays one line")
    func metadata() throws {
        let values = ["forward/upstream": "192.0.2.1:53", "empty": "", "evil": "a\nb\r"]
        #expect(
            line("{/forward/upstream}|{/empty}|{/evil}|{/none}", try Self.exchange("a."), metadata: values)
                == "192.0.2.1:53||a b |-")
    }

    @Test("unknown numbers are written as numbers")
    func numbers() throws {
        var odd = try Self.exchange("a.", type: 4711)
        odd.recordClass = 7
        odd.opcode = 5
        odd.answer = .init(code: 12, flags: 0x7FFF, kind: .otherError)
        #expect(line("{type} {class} {rcode} {>opcode} {>rflags}", odd) == "TYPE4711 CLASS7 12 5 aa,tc,rd,ra,z,ad,cd")
        odd.answer?.flags = 0
        #expect(line("[{>rflags}]", odd) == "[]")
    }

    @Test("IPv6 addresses stand in brackets, mapped ones are IPv4")
    func addresses() throws {
        var exchange = try Self.exchange("a.")
        exchange.remote = try #require(IPAddress("2001:DB8:0:0:1:0:0:1"))
        exchange.local = try #require(IPAddress("::ffff:192.0.2.1"))
        #expect(line("{remote}:{port} {local}", exchange) == "[2001:db8::1:0:0:1]:50759 192.0.2.1")
    }

    @Test(
        "durations have the decimals that say something",
        arguments: [
            (0, "0s"), (1, "0.000000001s"), (1_500_000_000, "1.5s"), (2_000_000_000, "2s"), (37_990_250, "0.03799025s"), (-5, "0s"),
        ])
    func durations(nanoseconds: Int, text: String) throws {
        var exchange = try Self.exchange("a.")
        exchange.duration = .nanoseconds(nanoseconds)
        #expect(line("{duration}", exchange) == text)
    }

    @Test("names are lower case and escaped, so that no octet of a query breaks a line")
    func names() throws {
        #expect(line("{name}", try Self.exchange(#"\032a\.B\"\010\255."#)) == #"\ a\.b\"\010\255."#)
        #expect(line("{name}", try Self.exchange(".")) == ".")
    }

    @Test("a line has CoreDNS's prefix and an end, and a kept buffer does not grow again")
    func buffer() throws {
        let format = LogFormat(LogFormat.common)
        var buffer: [UInt8] = []
        format.appendLine(of: try Self.exchange("ok.test."), to: &buffer)
        let text = String(decoding: buffer, as: UTF8.self)
        #expect(text.hasPrefix("[INFO] 127.0.0.1:50759 - 29008 ") && text.hasSuffix(" 0.037990251s\n"))
        let capacity = buffer.capacity
        for _ in 0..<10 {
            buffer.removeAll(keepingCapacity: true)
            format.appendLine(of: try Self.exchange("ok.test."), to: &buffer)
        }
        #expect(buffer.capacity == capacity)
    }
}
