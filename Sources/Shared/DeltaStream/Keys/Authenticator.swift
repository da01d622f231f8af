import MizzenSystem
import Logging

import CZeroMQ

/// Decides who may connect to a publisher with keys: the handler of ZeroMQ's authentication protocol (RFC 27, ZAP).
///
/// libzmq asks it about each new connection, after the cryptographic part has shown that the client holds the secret key
/// to the public key that it names. The file of allowed clients is read at each question, so that a client can be added or
/// shut out without a restart; a connection that stands is not asked about again.
///
/// It runs on a thread of its own and must exist before the context's sockets are bound: without a handler libzmq lets in
/// every client that knows the publisher's public key.
final class Authenticator: Sendable {
    private let waker: Waker

    init(_ keys: StreamKeys, in context: ZeroMQContext, logger: Logger) throws(DeltaStreamError) {
        let waker = try Waker.forStream()
        let handler = try ZeroMQSocket(.reply, in: context)
        try handler.bind("inproc://zeromq.zap.01", as: "watcher")
        self.waker = waker
        let desk = Desk(socket: handler, keys: keys, logger: logger)
        do throws(SystemError) {
            try SystemThread.start(name: "mizzen-zap") { desk.serve(until: waker) }
        } catch {
            throw DeltaStreamError(error, while: "starting the thread that says which clients may connect")
        }
    }

    /// The thread then closes its socket, which is the last to hold the context.
    deinit { waker.wake() }

    /// What the thread owns. Handed over once, before the thread runs, and not touched by anybody else.
    private final class Desk: @unchecked Sendable {
        private let socket: ZeroMQSocket
        private let keys: StreamKeys
        private let logger: Logger
        private var frame = ZeroMQFrame()
        /// Clients that were complained about: further tries of theirs are for the debug log.
        private var complaints: Set<String> = []

        init(socket: consuming ZeroMQSocket, keys: StreamKeys, logger: Logger) {
            self.socket = socket
            self.keys = keys
            self.logger = logger
        }

        func serve(until waker: Waker) {
            while true {
                let ready = socket.wait(waker: waker, milliseconds: 60_000)
                if ready.wake { return }
                if ready.first { answerOne() }
            }
        }

        /// Frames of a question: version, request id, domain, address, identity, mechanism, credentials (the public key's
        /// 32 bytes). Frames of the answer: version, request id, status, text, user, metadata.
        private func answerOne() {
            var frames: [[UInt8]] = []
            repeat {
                guard socket.receive(into: &frame) else { return }
                frames.append(frame.bytes)
            } while frame.hasMore
            let isAllowed = frames.count >= 7 && frames[5].elementsEqual("CURVE".utf8) && isAllowed(key: frames[6], address: frames[3])
            let answer: [[UInt8]] = [
                Array("1.0".utf8), frames.count > 1 ? frames[1] : [], Array((isAllowed ? "200" : "400").utf8),
                Array((isAllowed ? "welcome" : "this key is not among the publisher's clients").utf8), [], [],
            ]
            for (index, bytes) in answer.enumerated() {
                frame.fill(bytes)
                socket.send(&frame, more: index < answer.count - 1)
            }
        }

        private func isAllowed(key: [UInt8], address: [UInt8]) -> Bool {
            guard let key = ZeroMQ.text(ofKey: key) else { return false }
            let address = String(decoding: address, as: UTF8.self)
            do throws(DeltaStreamError) {
                if let name = try keys.allowedClients()[key] {
                    complaints.remove(key)
                    logger.debug("a client connects", metadata: ["client": "\(name)", "address": "\(address)"])
                    return true
                }
                complain(
                    about: key, "refused a client whose key is not allowed; add its line to the file of clients if it should be",
                    ["address": "\(address)", "public_key": "\(key)", "file": "\(StreamKeys.path(keys.directory, .clients))"])
            } catch {
                complain(
                    about: key, "refused a client, as the file of clients cannot be used",
                    ["address": "\(address)", "error": "\(error)"])
            }
            return false
        }

        private func complain(about key: String, _ message: Logger.Message, _ metadata: Logger.Metadata) {
            if complaints.count > 1_000 { complaints.removeAll() }
            let isNews = complaints.insert(key).inserted
            logger.log(level: isNews ? .warning : .debug, message, metadata: metadata)
        }
    }
}
