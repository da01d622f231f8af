import KubernetesObjects

/// What a label's value can be made of: text of an object that is read in place, or a string.
protocol LabelValue: ~Escapable {
    /// Lends the bytes: UTF-8, or anything at all where it is text of an object.
    ///
    /// Safe, if they are not used after the call.
    @unsafe
    func lendingUTF8<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result

    /// UTF-8, repaired where it is not.
    var string: String { get }
}

extension Text: LabelValue {
    @unsafe
    func lendingUTF8<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result { unsafe utf8.withUnsafeBufferPointer(body) }
}

extension String: LabelValue {
    @unsafe
    func lendingUTF8<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        if let result = unsafe utf8.withContiguousStorageIfAvailable(body) { return result }
        var copy = self
        return copy.withUTF8(body)
    }

    var string: String { self }
}

/// The labels of one sample, appended in the order of the calls: `label("node", pod.spec.nodeName)`.
struct SampleLabels: ~Copyable {
    /// More than most objects take.
    private static let room = 4096

    /// Whole samples as ``TextPiece`` has them, each behind its length, but for the one that is being written.
    fileprivate(set) var buffer = SampleBuffer(capacity: room)
    /// Where the length of the sample stands that is being written; nil between samples.
    private var start: Int?

    mutating func callAsFunction(_ name: String, _ value: borrowing some LabelValue & ~Escapable) {
        _ = begun()
        buffer.append(UInt8(ascii: ","))
        buffer.append(label: name, value: value)
    }

    /// Ends the sample.
    mutating func end(_ value: Double) {
        let start = begun()
        buffer.append(UInt8(ascii: "}"))
        buffer.append(UInt8(ascii: " "))
        buffer.append(number: value)
        buffer.append(UInt8(ascii: "\n"))
        buffer.end(from: start)
        self.start = nil
    }

    private mutating func begun() -> Int {
        if let start { return start }
        let start = buffer.count
        buffer.append(0)
        self.start = start
        return start
    }
}
