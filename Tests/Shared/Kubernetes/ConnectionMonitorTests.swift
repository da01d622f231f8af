import NIOCore
import NIOEmbedded
import NIOHTTP2
import Testing

@testable import KubernetesClient

/// One HTTP/2 connection in simulated time.
@Suite("Connection monitor")
struct ConnectionMonitorTests {
    /// Frames go in and come out as the frame decoder would have them.
    final class Bench {
        let traits: ServerTraits
        let channel: EmbeddedChannel

        init(limits: SilenceLimits = SilenceLimits(), traits: ServerTraits = ServerTraits()) throws {
            self.traits = traits
            channel = EmbeddedChannel(handler: ConnectionMonitor(limits: limits, server: traits))
            try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        }

        var loop: EmbeddedEventLoop { channel.embeddedEventLoop }

        func pass(_ seconds: Int64) { loop.advanceTime(by: .seconds(seconds)) }

        func open(_ stream: Int) {
            channel.pipeline.fireUserInboundEventTriggered(
                NIOHTTP2StreamCreatedEvent(
                    streamID: HTTP2StreamID(stream), localInitialWindowSize: nil, remoteInitialWindowSize: nil))
        }

        func close(_ stream: Int) {
            channel.pipeline.fireUserInboundEventTriggered(StreamClosedEvent(streamID: HTTP2StreamID(stream), reason: nil))
        }

        func receive(_ payload: HTTP2Frame.FramePayload) throws {
            try channel.writeInbound(HTTP2Frame(streamID: .rootStream, payload: payload))
        }

        /// How many PINGs were sent since the last look.
        func pings() throws -> Int {
            var count = 0
            while let frame = try channel.readOutbound(as: HTTP2Frame.self) {
                guard case .ping(_, ack: false) = frame.payload else { continue }
                count += 1
            }
            return count
        }

        func acknowledge() throws { try receive(.ping(HTTP2PingData(withInteger: 1), ack: true)) }
    }

    @Test("a connection is asked after 30 s of silence and closed after 15 s more, and its requests learn why")
    func dead() throws {
        let bench = try Bench()
        bench.open(1)
        bench.pass(29)
        #expect(try bench.pings() == 0)
        bench.pass(1)
        #expect(try bench.pings() == 1)
        bench.pass(14)
        #expect(bench.channel.isActive)
        bench.pass(1)
        #expect(!bench.channel.isActive)
        #expect(throws: NIOHTTP2Errors.StreamError.self) { try bench.channel.throwIfErrorCaught() }
    }

    @Test("a server that answers PINGs and says nothing else is never declared dead")
    func quiet() throws {
        let bench = try Bench()
        for stream in 0..<39 { bench.open(2 * stream + 1) }
        var pings = 0
        for _ in 0..<3_600 {
            bench.pass(1)
            let asked = try bench.pings()
            pings += asked
            if asked > 0 { try bench.acknowledge() }
        }
        #expect(bench.channel.isActive)
        // No flood: nginx ends a connection whose frames are an eighth payload only after a mebibyte of the rest.
        #expect(pings == 120)
    }

    @Test("whatever is read counts, a part of a frame too")
    func drip() throws {
        let bench = try Bench()
        bench.open(1)
        for _ in 0..<100 {
            bench.pass(29)
            bench.channel.pipeline.fireChannelReadComplete()
        }
        #expect(try bench.pings() == 0)
        bench.pass(30)
        #expect(try bench.pings() == 1)
        bench.pass(14)
        // Not the answer, but a sign of life.
        bench.channel.pipeline.fireChannelReadComplete()
        bench.pass(1)
        #expect(bench.channel.isActive)
    }

    @Test("an idle connection is not asked, and judged only from the moment at which somebody waits for it")
    func idle() throws {
        let bench = try Bench()
        bench.pass(600)
        #expect(try bench.pings() == 0)
        bench.open(1)
        bench.pass(29)
        bench.close(1)
        bench.pass(600)
        #expect(try bench.pings() == 0)
        bench.open(3)
        bench.pass(29)
        #expect(try bench.pings() == 0)
        bench.pass(1)
        #expect(try bench.pings() == 1)
        bench.close(3)
        bench.pass(60)
        #expect(bench.channel.isActive)
    }

    @Test("the server's limit of streams is noted, and one of none is taken for one")
    func streamLimit() throws {
        let bench = try Bench()
        #expect(bench.traits.streamLimit == nil)
        try bench.receive(.settings(.settings([HTTP2Setting(parameter: .maxConcurrentStreams, value: 10)])))
        #expect(bench.traits.streamLimit == 10)
        try bench.receive(.settings(.settings([HTTP2Setting(parameter: .maxConcurrentStreams, value: 0)])))
        #expect(bench.traits.streamLimit == 1)
        try bench.receive(.settings(.ack))
        #expect(bench.traits.streamLimit == 1)
    }

    @Test("a server that finds PINGs too many is asked half as often on its next connection, down to a limit")
    func tooCurious() throws {
        let traits = ServerTraits()
        let first = try Bench(traits: traits)
        try first.receive(.goAway(lastStreamID: .maxID, errorCode: .noError, opaqueData: nil))
        #expect(traits.pingInterval == 1)
        try first.receive(.goAway(lastStreamID: .maxID, errorCode: .enhanceYourCalm, opaqueData: nil))
        let second = try Bench(traits: traits)
        second.open(1)
        second.pass(59)
        #expect(try second.pings() == 0)
        second.pass(1)
        #expect(try second.pings() == 1)
        for _ in 0..<100 { try second.receive(.goAway(lastStreamID: .maxID, errorCode: .enhanceYourCalm, opaqueData: nil)) }
        #expect(traits.pingInterval == ServerTraits.longestPingInterval)
    }

    @Test("a closed connection leaves no timer behind")
    func closed() throws {
        let bench = try Bench()
        bench.open(1)
        try bench.channel.close().wait()
        bench.pass(600)
        #expect(try bench.pings() == 0)
    }
}
