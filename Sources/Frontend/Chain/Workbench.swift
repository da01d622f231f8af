import MizzenSystem
import RecordTable

/// What handlers use besides query and response. One for each worker thread; nothing in it is shared.
struct AnswerContext: ~Copyable {
    /// The cluster, or nil while there is no table: then names in the cluster's zones get SERVFAIL.
    var table: TableReader?
    /// What the table has whole. A name that is not found may exist all the same until that is all that its handler needs.
    private(set) var synced: ClusterResources = []
    /// The serial of the cluster's zones: when the table last followed the cluster, in seconds since 1970.
    private(set) var serial: UInt32 = 0
    /// The look-up of the query at hand.
    var lookup = Lookup()
    /// Whether nobody sees additional records of an answer that succeeds.
    var leavesOutAdditional = false
    /// Room for the records that an answer is made of, kept from query to query.
    var scratch = AnswerScratch()

    init(table: TableReader? = nil, isTrusted: Bool = true) {
        self.table = table
        refresh(isTrusted: isTrusted)
    }

    /// Reads the table's own statements, which a query must not: it allocates. Call it about once a second and after setting `table`.
    /// - Parameter isTrusted: whether the table is known to be what its writer left.
    mutating func refresh(isTrusted: Bool) {
        guard let status = table?.status else {
            synced = []
            return
        }
        synced = isTrusted ? ClusterResources(syncedIn: status) : []
        let latest = status.resources.map(\.wallTime).max() ?? 0
        serial = UInt32(truncatingIfNeeded: latest / 1_000_000_000)
    }
}

/// Where one thread makes its answers, one at a time: what is big and can be used again for the next. What an exchange needs while it
/// waits is in `Exchange`.
///
/// Memory contract: `memory` is the caller's of `ChainRunner`, or the bench's own, and stays for as long as an answer is made in it; only
/// this file, `PacketBuffer` and the runner follow it.
@safe final class Workbench {
    var response = ResponseWriter()
    var context: AnswerContext
    let table: TableSlot
    /// Where the answer at hand is made; at least 512 octets.
    private(set) var memory: UnsafeMutableRawBufferPointer
    var memorySize: Int { unsafe memory.count }
    /// Octets of the message in `memory`, once there is one; OPT comes last and is not among them before the seal.
    var count = 0
    /// The upper bits of the message's response code, which only an OPT record can say (RFC 6891 section 6.1.3).
    private(set) var codeExtension: UInt16 = 0
    /// Refreshes that handlers have begun, for the runner.
    var begun: [Exchange] = []
    /// Where look-ups are answered, and refreshes.
    let lookupMemory = ScratchMemory(count: 65_535)
    /// Where a message is written again that a review changes in size.
    let editMemory = ScratchMemory(count: 65_535)

    init(table: TableSlot) {
        self.table = table
        context = AnswerContext(table: table.reader, isTrusted: table.isTrusted)
        // Safe: the bench's own, alive as long as it.
        unsafe memory = lookupMemory.buffer
    }

    /// Looks at the table's own statements again, and for a new table. For about once a second.
    func refreshTable() {
        table.refresh()
        if context.table !== table.reader { context.table = table.reader }
        context.refresh(isTrusted: table.isTrusted)
    }

    /// - Parameter memory: stays until the answer is made.
    @inline(__always)
    func use(_ memory: UnsafeMutableRawBufferPointer) {
        // Safe: stored, not followed.
        unsafe self.memory = memory
    }

    /// Starts the message that answers `query`, without records. A message that somebody keeps or changes may have any size, one that goes
    /// out as it is written only what the client takes.
    @inline(__always)
    func begin(_ query: borrowing Query, whole: Bool) {
        codeExtension = 0
        // Safe: see the memory contract.
        unsafe response.begin(query, in: memory, whole: whole)
    }

    // MARK: The message at hand

    /// The message's octets, to be read.
    func withMessage<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        // Safe: `count` octets of the memory have been written.
        body(
            unsafe Span(
                _unsafeElements: UnsafeRawBufferPointer(rebasing: memory[..<min(count, memory.count)]).assumingMemoryBound(to: UInt8.self)))
    }

    /// The message's octets, to be changed where they stand.
    func editMessage(_ body: (inout MutableSpan<UInt8>) -> Void) {
        // Safe: as above, and nobody else has a view of them.
        var span = unsafe MutableSpan<UInt8>(
            _unsafeElements: UnsafeMutableRawBufferPointer(rebasing: memory[..<min(count, memory.count)]).assumingMemoryBound(
                to: UInt8.self))
        body(&span)
    }

    /// Puts a whole message (without OPT) in the place of the one at hand. False, and nothing is changed, if there is no room.
    ///
    /// - Parameter code: its response code, of which it has the lower four bits itself.
    @discardableResult
    func setMessage(_ message: Span<UInt8>, code: UInt16 = 0) -> Bool {
        guard message.count <= memorySize else { return false }
        // Safe: checked just above.
        unsafe message.withUnsafeBytes { bytes in unsafe memory.copyMemory(from: bytes) }
        count = message.count
        codeExtension = code >> 4
        return true
    }

    /// A copy of the message.
    var messageBytes: [UInt8] { withMessage { $0.bytes } }

    /// The header's second word.
    var flags: UInt16 {
        get { withMessage { $0.count >= 4 ? $0.word(at: 2) : 0 } }
        set { set(word: newValue, at: 2) }
    }

    /// The response code, with the bits that the OPT record will say.
    var code: UInt16 {
        get { codeExtension << 4 | flags & 0xf }
        set {
            codeExtension = newValue >> 4
            flags = flags & ~0xf | newValue & 0xf
        }
    }

    func set(word: UInt16, at offset: Int) {
        guard offset >= 0, offset + 2 <= count else { return }
        // Safe: checked just above.
        unsafe memory.storeBytes(of: word.bigEndian, toByteOffset: offset, as: UInt16.self)
    }

    func set(doubleWord: UInt32, at offset: Int) {
        guard offset >= 0, offset + 4 <= count else { return }
        // Safe: checked just above.
        unsafe memory.storeBytes(of: doubleWord.bigEndian, toByteOffset: offset, as: UInt32.self)
    }
}
