import MizzenSystem
import Testing

@Suite("Allocator")
struct AllocatorTests {
    // That the header knows which C library it is compiled for: it did not once, and nothing was limited or given back.
    #if canImport(Glibc)
        @Test("glibc is found, and gives pages back")
        func glibc() {
            #expect(Allocator.trim())
        }
    #endif
}
