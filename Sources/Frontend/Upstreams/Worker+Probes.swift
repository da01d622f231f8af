import MizzenSystem
import ProcessRuntime

/// Health checks: an upstream that failed is asked again and again until it answers anything. One thread does it for all.
extension Worker {
    private static let probeNanoseconds: UInt64 = 1_000_000_000
    /// A connection and its handshake need a few round trips more.
    private static let streamProbeNanoseconds: UInt64 = 2_000_000_000

    func noteFailure(_ group: UpstreamGroup, _ upstream: Upstream) {
        guard group.source.settings.maximumFailures > 0, upstream.health.beginProbing() else { return }
        probe(group, upstream)
    }

    /// Asks an upstream anything, to see whether it lives.
    func probe(_ group: UpstreamGroup, _ upstream: Upstream) {
        guard !isDraining, !group.isRetired else { return upstream.health.endProbing() }
        let settings = group.source.settings
        let transport: UpstreamTransport = upstream.serverName != nil ? .tls : settings.forceTCP ? .stream : .datagram
        do throws(SystemError) {
            let socket = try open(transport, upstream, group)
            socket.use = .probe
            do throws(SystemError) {
                try start(
                    socket, message: probeMessage(settings.healthCheck),
                    timeout: transport == .datagram ? Self.probeNanoseconds : Self.streamProbeNanoseconds, monotonicNow())
            } catch {
                close(socket)
                throw error
            }
        } catch {
            metrics.losses.upstreamSocketFailures.add()
            probeEnded(group, upstream, isGood: false)
        }
    }

    func probeEnded(_ group: UpstreamGroup, _ upstream: Upstream, isGood: Bool) {
        if isGood {
            upstream.health.reset()
            upstream.health.endProbing()
        } else {
            upstream.health.countFailedCheck()
            timers.add(.probe(group, upstream), due: monotonicNow() + group.source.settings.healthCheck.interval.span)
        }
    }

    /// `NS` of the domain to ask for, usually the root.
    private func probeMessage(_ check: ForwardSettings.HealthCheck) -> [UInt8] {
        let id = UInt16.random(in: .min ... .max)
        var message: [UInt8] = [
            UInt8(id >> 8), UInt8(truncatingIfNeeded: id), check.recursionDesired ? 1 : 0, 0, 0, 1, 0, 0, 0, 0, 0, 0,
        ]
        let name = (try? DNSName(check.domain.text)) ?? DNSName()
        for index in 0..<name.length { message.append(name.storage[index]) }
        return message + [0, 2, 0, 1]
    }
}
