internal import Glibc

/// A string of a message, read in place: compared and written without being copied, a `String` only when asked for one.
@safe
public struct Text: ~Escapable {
    /// UTF-8 as it came, ended by NUL.
    private let characters: UnsafePointer<CChar>

    /// Safe, if `characters` is a string that lives as long as what the caller makes the lifetime depend on.
    @unsafe
    @_lifetime(immortal)
    init(_ characters: UnsafePointer<CChar>) { unsafe self.characters = characters }

    /// The empty text.
    public static var empty: Text {
        @_lifetime(immortal)
        get { literal("") }
    }

    /// A text that the program holds.
    @_lifetime(immortal)
    public static func literal(_ text: StaticString) -> Text {
        // Safe: a static string is NUL-terminated and lives as long as the program.
        unsafe Text(UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self))
    }

    // Safe: the text has its NUL at least.
    public var isEmpty: Bool { unsafe characters.pointee == 0 }

    /// The bytes, without the NUL. They are UTF-8 in all that Kubernetes writes, and anything at all in what others do.
    public var utf8: Span<UInt8> {
        @_lifetime(copy self)
        get {
            let start = unsafe UnsafeRawPointer(characters).assumingMemoryBound(to: UInt8.self)
            // Safe: `strlen` counts up to the NUL that ends the text, and the span has the text's lifetime.
            return unsafe _overrideLifetime(Span(_unsafeStart: start, count: strlen(characters)), copying: self)
        }
    }

    /// A copy; bytes that are not UTF-8 become U+FFFD.
    // Safe: ended by NUL.
    public var string: String { unsafe String(cString: characters) }

    public func hasPrefix(_ prefix: String) -> Bool { unsafe rest(after: prefix) != nil }

    /// Whether the bytes are the same, as Go compares strings.
    public static func == (text: Text, string: String) -> Bool {
        // Safe: the string's bytes are read during the call only; none of the text after its NUL is, since the comparison ends there.
        let isEqual = unsafe string.utf8.withContiguousStorageIfAvailable { bytes in
            for index in bytes.indices where unsafe UInt8(bitPattern: text.characters[index]) != bytes[index] || bytes[index] == 0 {
                return false
            }
            return unsafe text.characters[bytes.count] == 0
        }
        if let isEqual { return isEqual }
        guard let rest = unsafe text.rest(after: string) else { return false }
        return unsafe rest.pointee == 0
    }

    public static func != (text: Text, string: String) -> Bool { !(text == string) }

    public static func == (left: Text, right: Text) -> Bool {
        // Safe: both are ended by NUL.
        unsafe strcmp(left.characters, right.characters) == 0
    }

    public static func != (left: Text, right: Text) -> Bool { !(left == right) }

    /// What follows a prefix; nil if the text does not begin with it.
    private func rest(after prefix: String) -> UnsafePointer<CChar>? {
        var rest = unsafe characters
        for byte in prefix.utf8 {
            // Safe: no byte after the NUL is read, since the comparison ends there.
            guard byte != 0, unsafe UInt8(bitPattern: rest.pointee) == byte else { return nil }
            unsafe rest += 1
        }
        return unsafe rest
    }
}

extension Optional where Wrapped == Text {
    /// The text, or the empty one in the place of none.
    public var orEmpty: Text {
        @_lifetime(copy self)
        get {
            guard let text = self else { return Text.empty }
            return text
        }
    }

    public var string: String? {
        guard let text = self else { return nil }
        return text.string
    }

    public static func == (text: Text?, string: String) -> Bool {
        guard let text else { return false }
        return text == string
    }
}

/// The strings of a repeated field, in their order.
public struct TextList: ~Escapable {
    private let elements: ElementPointers

    @_lifetime(copy elements)
    init(_ elements: ElementPointers) { self.elements = elements }

    public var count: Int { elements.count }
    public var isEmpty: Bool { elements.count == 0 }

    /// - Precondition: `index` is in `0 ..< count`.
    public subscript(index: Int) -> Text {
        @_lifetime(copy self)
        get {
            let element = elements[index]
            // Safe: the elements of this list are strings, each ended by NUL.
            return unsafe _overrideLifetime(Text(element.fields()), copying: self)
        }
    }

    public func forEach(_ body: (Text) -> Void) {
        for index in 0..<count { body(self[index]) }
    }

    public func contains(_ string: String) -> Bool {
        for index in 0..<count where self[index] == string { return true }
        return false
    }

    /// A copy.
    public var strings: [String] { (0..<count).map { self[$0].string } }
}
