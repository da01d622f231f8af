import MizzenSystem
import CMizzenSystem

/// Up to `slots` datagrams received at once and the answers to them. One thread uses a batch.
///
/// Memory contract: the C side owns the memory from `init` to `deinit`; a packet's span and an answer's memory are
/// valid until the next
/// `receive`.
@safe final class DatagramBatch {
    static let slots = 64
    /// Larger queries are dropped; real ones have some hundred octets.
    static let largestPacket = 4096
    static let largestAnswer = 65_535

    private let batch: OpaquePointer

    init?() {
        guard let batch = unsafe mz_udp_batch_create(UInt32(Self.slots), Self.largestPacket, Self.largestAnswer) else {
            return nil
        }
        // Safe: just created, freed in deinit only.
        unsafe self.batch = batch
    }

    deinit { unsafe mz_udp_batch_free(batch) }

    /// How many datagrams were there, 0 for none.
    func receive(from socket: Descriptor) throws(SystemError) -> Int {
        do {
            // Safe: the batch is alive.
            return Int(try systemCall("recvmmsg") { unsafe mz_udp_batch_receive(batch, socket.raw) })
        } catch {
            if error.wouldBlock { return 0 }
            throw error
        }
    }

    /// The datagram in a slot below the last `receive`'s count; empty if it was too large.
    @inline(__always)
    func withPacket<Result>(_ slot: Int, _ body: (Span<UInt8>) -> Result) -> Result {
        // Safe: the C side gives the slot's memory and the octets received into it; both stay until the next receive.
        let packet = unsafe UnsafeBufferPointer(
            start: mz_udp_batch_packet(batch, UInt32(slot)), count: mz_udp_batch_length(batch, UInt32(slot)))
        return body(unsafe Span(_unsafeElements: packet))
    }

    /// Where the answer to a slot's datagram goes.
    @inline(__always)
    func answerMemory(_ slot: Int) -> UnsafeMutableRawBufferPointer {
        // Safe: each slot has largestAnswer octets.
        unsafe UnsafeMutableRawBufferPointer(start: mz_udp_batch_answer(batch, UInt32(slot)), count: Self.largestAnswer)
    }

    /// 0 for no answer.
    @inline(__always)
    func setAnswer(_ slot: Int, length: Int) {
        // Safe: length is at most largestAnswer, the size of the memory handed out.
        unsafe mz_udp_batch_set_answer(batch, UInt32(slot), min(length, Self.largestAnswer))
    }

    /// Sends the answers that were set. Returns how many were lost.
    func send(on socket: Descriptor) -> Int { unsafe Int(mz_udp_batch_send(batch, socket.raw)) }

    func isV6(_ slot: Int) -> Bool { unsafe mz_udp_peer_is_v6(mz_udp_batch_peer(batch, UInt32(slot))) != 0 }

    /// Whether the datagram did not fit; the slot then looks empty.
    func isOversized(_ slot: Int) -> Bool { unsafe mz_udp_batch_is_oversized(batch, UInt32(slot)) != 0 }

    /// Who sent a slot's datagram.
    func client(_ slot: Int) -> SocketAddress? { peer(slot).address }

    /// The sender, to be answered later.
    func peer(_ slot: Int) -> DatagramPeer {
        // Safe: the pointer is the slot's; its value is copied.
        DatagramPeer(raw: unsafe mz_udp_batch_peer(batch, UInt32(slot)).pointee)
    }
}

/// Where a datagram came from, and to which of our addresses.
@safe struct DatagramPeer {
    fileprivate var raw: mz_udp_peer

    /// Who it is.
    var address: SocketAddress? {
        var remote = raw.remote
        // Safe: the pointer is to a copy of ours.
        return unsafe SocketAddress { bytes, port in unsafe mz_address_bytes(&remote, bytes, port) }
    }

    /// Answers it. Returns whether the answer went out; to repeat it is the client's business, as with any datagram.
    func send(_ bytes: Span<UInt8>, on socket: Descriptor) -> Bool {
        var copy = raw
        // Safe: both pointers are valid for the call, the count goes with the bytes.
        return unsafe bytes.withUnsafeBufferPointer { buffer in
            unsafe mz_udp_send(socket.raw, &copy, buffer.baseAddress, buffer.count) >= 0
        }
    }
}
