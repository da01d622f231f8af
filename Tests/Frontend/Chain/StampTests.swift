import Testing

@testable import Frontend

/// Tables that are told from their earlier contents by a stamp, around the stamp's last value.
@Suite("Stamps that come round")
struct StampTests {
    @Test("duplicates are known as such before, at and after the last stamp", arguments: [0, UInt32.max - 3])
    func duplicates(start: UInt32) {
        var filter = DuplicateFilter()
        filter.jump(to: start)
        let things = [7, 8, 7, 9, 8, 7]
        for answer in 0..<8 {
            filter.begin(expecting: things.count)
            let kept = things.indices.filter { index in
                filter.isNew(index, hash: UInt64(things[index]), equals: { things[$0] == things[index] })
            }
            #expect(kept == [0, 1, 3], "answer \(answer)")
        }
    }

    @Test("an answer does not take what it finds from four billion answers ago for its own")
    func staleDuplicates() {
        var filter = DuplicateFilter()
        filter.begin(expecting: 1)
        let first = filter.isNew(0, hash: 1, equals: { _ in true })
        filter.jump(to: UInt32.max)
        filter.begin(expecting: 1)
        let later = filter.isNew(0, hash: 1, equals: { _ in true })
        #expect(first && later)
    }

    @Test("more things than room was made for count as new, and the search still ends")
    func beyondRoom() {
        var filter = DuplicateFilter()
        filter.begin(expecting: 1)
        var kept = 0
        for index in 0..<2000 where filter.isNew(index, hash: 5, equals: { $0 == index }) { kept += 1 }
        #expect(kept == 2000)
    }

    @Test("a name is compressed before, at and after the last stamp", arguments: [0, UInt32(0xFFFF - 3)])
    func names(start: UInt32) throws {
        var compressor = NameCompressor(stamp: start)
        let name = try DNSName("web.shop.svc.cluster.local.")
        let memory = ScratchMemory(count: 512)
        for message in 0..<8 {
            var buffer = PacketBuffer()
            // Safe: the memory lives as long as its owner.
            unsafe buffer.attach(memory.buffer, limit: 512)
            compressor.begin()
            compressor.write(name, to: &buffer)
            #expect(buffer.position == name.length, "message \(message)")
            compressor.write(name, to: &buffer)
            #expect(buffer.position == name.length + 2, "message \(message)")
        }
    }
}
