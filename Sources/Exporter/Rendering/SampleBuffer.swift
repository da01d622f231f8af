import KubernetesObjects

/// The bytes of one object's samples while they are written, one behind the other into room that is there already. An array asks at each
/// byte whether it is alone and large enough.
@safe
struct SampleBuffer: ~Copyable {
    // Safe: `capacity` bytes that this value alone has, and frees; the first `count` of them are written. Nothing is written beyond what
    // `reserve` has made room for, nor read beyond `count`.
    private var start: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private(set) var count = 0

    /// - Parameter capacity: bytes that most objects are content with.
    init(capacity: Int) {
        unsafe start = .allocate(capacity: capacity)
        self.capacity = capacity
    }

    deinit { unsafe start.deallocate() }

    /// A copy of its size.
    var bytes: [UInt8] { unsafe Array(UnsafeBufferPointer(start: start, count: count)) }

    /// Makes room.
    @inline(__always)
    private mutating func reserve(_ more: Int) {
        if capacity - count < more { grow(more) }
    }

    @inline(never)
    private mutating func grow(_ more: Int) {
        let larger = max(count + more, capacity * 2)
        let room = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        unsafe room.initialize(from: start, count: count)
        unsafe start.deallocate()
        unsafe start = room
        capacity = larger
    }

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        reserve(1)
        unsafe start[count] = byte
        count += 1
    }

    @inline(__always)
    private mutating func append(_ text: UnsafeBufferPointer<UInt8>) {
        reserve(text.count)
        guard let base = text.baseAddress else { return }
        unsafe (start + count).initialize(from: base, count: text.count)
        count += text.count
    }

    mutating func append(_ text: String) {
        // Safe: the buffer is read only during the call.
        if unsafe text.utf8.withContiguousStorageIfAvailable({ unsafe append($0) }) == nil { for byte in text.utf8 { append(byte) } }
    }

    /// `name="value"`, with backslash, line feed and double quote of the value escaped.
    mutating func append(label name: String, value: borrowing some LabelValue & ~Escapable) {
        append(name)
        append(UInt8(ascii: "="))
        append(UInt8(ascii: "\""))
        // Safe: the buffer is read only during the call.
        let isPlain = unsafe value.lendingUTF8 { text in
            guard unsafe text.isPlain else { return false }
            unsafe append(text)
            return true
        }
        if !isPlain { append(escaping: value.string) }
        append(UInt8(ascii: "\""))
    }

    private mutating func append(escaping text: String) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"), UInt8(ascii: "\""):
                append(UInt8(ascii: "\\"))
                append(byte)
            case UInt8(ascii: "\n"):
                append(UInt8(ascii: "\\"))
                append(UInt8(ascii: "n"))
            default: append(byte)
            }
        }
    }

    /// A sample's value, as an array writes it.
    mutating func append(number value: Double) {
        // Most samples are flags, counts of few digits and times.
        if value >= 0, value < 1e15, let whole = UInt64(exactly: value) { return append(whole: whole) }
        var digits: [UInt8] = []
        digits.append(number: value)
        unsafe digits.withUnsafeBufferPointer { unsafe append($0) }
    }

    /// As ``Swift/Array/append(number:)``: with an exponent from a million on.
    private mutating func append(whole value: UInt64) {
        if value < 10 { return append(UInt8(ascii: "0") + UInt8(value)) }
        reserve(24)
        // Written backwards behind where it is to stand, then moved: how many digits there are shows only at the end.
        var digits = 0
        var rest = value
        while rest > 0 {
            let next = rest / 10
            unsafe start[count + 23 - digits] = UInt8(ascii: "0") + UInt8(rest - next * 10)
            (rest, digits) = (next, digits + 1)
        }
        let first = count + 24 - digits
        guard digits > [UInt8].exponentFrom else {
            for index in 0..<digits { unsafe start[count + index] = start[first + index] }
            count += digits
            return
        }
        var significant = digits
        while unsafe start[first + significant - 1] == UInt8(ascii: "0") { significant -= 1 }
        unsafe start[count] = start[first]
        count += 1
        if significant > 1 {
            // Never further right than where it comes from: there are 24 places and at most 15 digits.
            unsafe start[count] = UInt8(ascii: ".")
            for index in 1..<significant { unsafe start[count + index] = start[first + index] }
            count += significant
        }
        append(UInt8(ascii: "e"))
        append(UInt8(ascii: "+"))
        append(UInt8(ascii: "0") + UInt8((digits - 1) / 10))
        append(UInt8(ascii: "0") + UInt8((digits - 1) % 10))
    }

    /// Puts the length of what stands behind `position` there, where one byte was left for it.
    mutating func end(from position: Int) {
        let length = count - position - 1
        if length < 255 {
            unsafe start[position] = UInt8(length)
            return
        }
        reserve(4)
        unsafe (start + position + 5).update(from: start + position + 1, count: length)
        unsafe start[position] = 255
        for (index, shift) in [0, 8, 16, 24].enumerated() {
            unsafe start[position + 1 + index] = UInt8(truncatingIfNeeded: length >> shift)
        }
        count += 4
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// Whether these bytes can go into an exposition as they are: ASCII without backslash, line feed and double quote.
    ///
    /// Eight at a time: of a word's bytes minus one each, only one that was zero borrows its highest bit, which its own lacked.
    var isPlain: Bool {
        func hasZero(_ word: UInt64) -> UInt64 { (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080 }
        var index = 0
        guard let base = unsafe UnsafeRawPointer(baseAddress) else { return true }
        while index + 8 <= count {
            // Safe: within the buffer.
            let word = unsafe (base + index).loadUnaligned(as: UInt64.self)
            let special =
                (word & 0x8080_8080_8080_8080) | hasZero(word ^ 0x5c5c_5c5c_5c5c_5c5c) | hasZero(word ^ 0x2222_2222_2222_2222)
                | hasZero(word ^ 0x0a0a_0a0a_0a0a_0a0a)
            if special != 0 { return false }
            index += 8
        }
        while index < count {
            let byte = unsafe self[index]
            if byte >= 0x80 || byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\"") { return false }
            index += 1
        }
        return true
    }
}
