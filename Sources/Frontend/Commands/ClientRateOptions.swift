import ArgumentParser

/// How much a client may ask.
struct ClientRateOptions: ParsableArguments {
    /// What a datagram gets that is one too many.
    enum Excess: String, ExpressibleByArgument, CaseIterable {
        case refused, silence
    }

    @Option(
        help:
            "Queries a second that one client address may ask of this process, such as 100 or 0.5; what is beyond is not answered as asked. Without it: any number."
    )
    var clientRate: Double?

    @Option(
        help: "With --client-rate: queries that a client may ask at once. By default what the rate admits in two seconds, and at least 20.")
    var clientBurst: Int?

    @Option(
        help:
            "With --client-rate: what a client gets over UDP for a query too many, \(Excess.allCases.map(\.rawValue).joined(separator: " or ")). Over connections it is always refused."
    )
    var clientExcess = Excess.refused

    func validate() throws {
        guard let clientRate else {
            if clientBurst != nil { throw ValidationError("--client-burst: means something together with --client-rate only") }
            return
        }
        guard clientRate >= 0.001, clientRate <= 1_000_000 else {
            throw ValidationError("--client-rate: expected queries a second from 0.001 to 1000000, found \(clientRate)")
        }
        if let clientBurst, !(1...1_000_000).contains(clientBurst) {
            throw ValidationError("--client-burst: expected a number from 1 to 1000000, found \(clientBurst)")
        }
    }

    /// Nil where clients may ask as much as they like.
    var settings: ClientLimiter.Settings? {
        clientRate.map { rate in
            .init(rate: rate, burst: clientBurst ?? ClientLimiter.Settings.usualBurst(rate: rate), isSilent: clientExcess == .silence)
        }
    }
}
