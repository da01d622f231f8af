import NetworkErrors

extension ProcessError {
    /// Why nothing can be served at an address: code 69, whichever process and option it is.
    /// - Parameters:
    ///   - purpose: `metrics`.
    ///   - options: what chooses the address; nil where that is not known.
    /// - Returns: nil for what is no error of the network.
    public static func cannotListen(
        at address: HTTPAddress, for purpose: String, options: String? = nil, because error: any Error
    ) -> ProcessError? {
        guard let words = NetworkErrorText.words(error) else { return nil }
        let choice = options.map { "choose another one with \($0)" } ?? "choose another one"
        return ProcessError(
            code: ExitStatus.unavailable,
            message: "cannot serve \(purpose) here: \(words); free the address or \(choice) (ports below 1024 need a privilege)",
            place: address.description)
    }
}
