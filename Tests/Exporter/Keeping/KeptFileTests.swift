import ArgumentParser
import DeltaStream
import Foundation
import KubernetesObjects
import MizzenSystem
import NIOCore
import Testing

@testable import Exporter

/// The file of `--keep`: what is written, and what is refused.
@Suite struct KeptFileTests {
    private static let head = KeptFile.Head(version: "1", shard: 0, totalShards: 1, options: ["resources": "[\"pods\"]"])

    private static func written(_ sections: [ExpositionSection], asOf: Int64 = 7) -> [UInt8] {
        var bytes: [UInt8] = []
        let kept = sections.map {
            KeptFile.Section(
                resource: $0.resource, asOf: asOf, families: $0.families, lists: $0.store.lists, groups: $0.store.snapshot())
        }
        KeptFile.write(head, kept) { bytes += $0 }
        return bytes
    }

    private static func read(_ bytes: [UInt8]) throws(KeptFile.Damage) -> [KeptFile.Section] {
        var rest = bytes[...]
        func next(_ count: Int) -> [UInt8] {
            let part = Array(rest.prefix(count))
            rest = rest.dropFirst(count)
            return part
        }
        var reader = try KeptFile.Reader(magic: next(KeptFile.magic.count))
        while !reader.isWhole {
            let prefix = next(8)
            try reader.take(prefix, next(try reader.size(prefix)))
        }
        return reader.sections
    }

    /// Where the blocks begin, each with its eight bytes.
    private static func blocks(_ bytes: [UInt8]) -> [Range<Int>] {
        var starts: [Range<Int>] = []
        var position = KeptFile.magic.count
        while position < bytes.count {
            starts.append(position..<position + 8 + bytes.word(at: position))
            position = starts[starts.count - 1].upperBound
        }
        return starts
    }

    private static func exposition(_ kept: [KeptFile.Section], _ format: ExpositionFormat) -> String {
        // The last section says how old it is.
        ExporterUnderTest.exposition(KeptExposition(kept).selection(at: 7) { _ in true }.sections.dropLast(), format)
    }

    @Test("chosen labels are kept with the samples")
    func labelled() throws {
        let exporter = try ExporterUnderTest(captured: ["--resources=pods", "--metric-labels-on=kube_pod_(info|status_phase)=[app]"])
        let text = exporter.exposition(.text)
        #expect(text.contains("label_app=\"") && text.contains("\nkube_pod_start_time{"))
        let kept = try Self.read(Self.written(exporter.feed.sections))
        #expect(Self.exposition(kept, .text) == text)
        #expect(Self.exposition(kept, .openMetrics) == exporter.exposition(.openMetrics))
    }

    @Test("what was kept of every resource reads as what was served, in each format", arguments: [ExpositionFormat.text, .openMetrics])
    func roundTrip(format: ExpositionFormat) throws {
        let exporter = try ExporterUnderTest(captured: ["--resources", CapturedCluster.resources.map(\.plural).joined(separator: ",")])
        let kept = try Self.read(Self.written(exporter.feed.sections))
        #expect(kept.map(\.resource) == exporter.feed.sections.map(\.resource))
        #expect(Self.exposition(kept, format) == exporter.exposition(format))
        #expect(exporter.exposition(format).utf8.count > 500_000)
        // A third of the text, and the help texts.
        #expect(Self.written(exporter.feed.sections).count < exporter.exposition(format).utf8.count * 2 / 3)
    }

    @Test("protobuf and gzip are made of what was kept as of what is served")
    func otherFormats() throws {
        let exporter = try ExporterUnderTest(captured: ["--resources=pods,nodes"])
        let kept = KeptExposition(try Self.read(Self.written(exporter.feed.sections))).selection(at: 7) { _ in true }.sections.dropLast()
        func protobuf(_ sections: [ExpositionSection]) -> [UInt8] {
            ExporterUnderTest.bytes(of: ProtobufExposition(sections))
        }
        #expect(protobuf(Array(kept)) == protobuf(exporter.feed.sections))
        func gzip(_ sections: [ExpositionSection]) -> [UInt8] {
            var (file, iterator) = (GzipFile(), Exposition(sections, format: .text).makeIterator())
            return iterator.gzip(&file, Compressor(), bytes: .max).flatMap { Array($0.readableBytesView) }
                + Array(file.tail.readableBytesView)
        }
        #expect(gzip(Array(kept)) == gzip(exporter.feed.sections))
    }

    @Test("a file that was cut short anywhere, or in which any byte is another, is refused as a whole")
    func damage() throws {
        let exporter = try ExporterUnderTest(captured: ["--resources=services,nodes"])
        let bytes = Self.written(exporter.feed.sections)
        var random = SeededRandom(seed: 1)
        // Each end of a block, and places between them.
        let ends =
            Self.blocks(bytes).flatMap { [$0.lowerBound, $0.lowerBound + 8] }
            + (0..<60).map { _ in Int.random(in: 0..<bytes.count, using: &random) }
        for end in ends { #expect(throws: KeptFile.Damage.self) { try Self.read(Array(bytes[..<end])) } }
        for place in ends {
            var changed = bytes
            changed[place] ^= UInt8.random(in: 1...255, using: &random)
            #expect(throws: KeptFile.Damage.self, "byte \(place)") { try Self.read(changed) }
        }
        // The end says how many blocks there are: one that is missing shows, although each that is there is whole.
        let missing = Self.blocks(bytes)[2]
        #expect(throws: KeptFile.Damage.self) { try Self.read(Array(bytes[..<missing.lowerBound] + bytes[missing.upperBound...])) }
    }

    /// Checksums keep accidents out, not whoever writes them: what gets past them must not harm either.
    @Test("bytes that were changed with their checksum are refused, or what becomes of them is sent within its size", arguments: 0..<4)
    func forged(seed: UInt64) throws {
        let exporter = try ExporterUnderTest(captured: ["--resources=services,limitranges"])
        let bytes = Self.written(exporter.feed.sections)
        let blocks = Self.blocks(bytes)
        var random = SeededRandom(seed: seed)
        var taken = 0
        for _ in 0..<120 {
            var changed = bytes
            let block = blocks[Int.random(in: 0..<blocks.count, using: &random)]
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                changed[Int.random(in: block.lowerBound + 8..<block.upperBound, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            var checksum: [UInt8] = []
            checksum.append(word: Int(KeptFile.checksum(changed[block.lowerBound + 8..<block.upperBound])))
            changed.replaceSubrange(block.lowerBound + 4..<block.lowerBound + 8, with: checksum)
            guard let kept = try? Self.read(changed) else { continue }
            taken += 1
            let sections = KeptExposition(kept).selection(at: 7) { _ in true }.sections
            let exposition = Exposition(sections, format: .text)
            var text = ByteBuffer()
            for chunk in exposition { chunk.print(into: &text) }
            #expect(text.readableBytes == exposition.size)
            _ = ExporterUnderTest.bytes(of: ProtobufExposition(sections))
        }
        // Bytes of labels and help texts may be any.
        #expect(taken > 0 && taken < 120)
    }

    @Test("a piece in which a length goes beyond the end, or a sample is none, is refused")
    func malformedPieces() throws {
        let identity = identityLabels([("o", "1")])
        func group(_ content: [UInt8]) -> TextGroup? {
            TextGroup(identities: [identity, identity], pieces: [(0, content[...])], families: [TextFamily(name: 1)])
        }
        let sample = Array("} 1\n".utf8)
        let good = [5, 4] + sample + [0]
        #expect(group(good)?.size == (1 + identity.count + 4))
        for bad in [
            [], [0, 0], [5, 4] + sample, [6, 4] + sample + [0], [5, 5] + sample + [0], [5, 3] + sample + [0], good + [0], [255] + good,
            [5, 4] + Array("} 1 ".utf8) + [0], [255, 5, 0, 0, 0, 255] + sample + [0], [1, 0, 0],
            [255, 255, 255, 255, 255, 4] + sample,
        ] as [[UInt8]] {
            #expect(group(bad) == nil, "\(bad)")
        }
        #expect(TextGroup(identities: [identity, identity], pieces: [(1, good[...])], families: [TextFamily(name: 1)]) == nil)
        #expect(
            TextGroup(identities: [identity, identity], pieces: [(0, good[...]), (0, good[...])], families: [TextFamily(name: 1)]) == nil)
    }

    @Test("what was kept under another version, share or option is told apart, with the name of what differs")
    func differences() throws {
        func head(_ words: [String] = [], customs: String? = nil) throws -> KeptFile.Head {
            let command = try ExporterCommand.parse(words)
            return KeptFile.Head(command, try ExporterConfiguration(command.selection), customs: customs)
        }
        let plain = try head(["--resources=pods"])
        #expect(try plain.difference(from: head(["--resources=pods", "--port=1", "--keep=/x", "--log-level=debug"])) == nil)
        for (words, name) in [
            (["--resources=nodes"], "resources"), (["--resources=pods", "--namespaces=a"], "namespaces"),
            (["--resources=pods", "--metric-labels-allowlist=pods=[a]"], "metricLabelsAllowlist"),
            (["--resources=pods", "--metric-denylist=x"], "metricDenylist"), (["--resources=pods", "--node=n"], "node"),
            (["--resources=pods", "--track-unscheduled-pods"], "trackUnscheduledPods"),
            (["--resources=pods", "--samples", ""], "samples"),
        ] {
            let difference = try plain.difference(from: head(words))
            #expect(
                difference?.kind == .options && difference?.reason.hasSuffix(": \(name)") == true,
                "\(words) \(String(describing: difference))")
        }
        #expect(try plain.difference(from: head(["--resources=pods"], customs: "x"))?.kind == .options)
        #expect(try plain.difference(from: head(["--resources=pods", "--shard=1", "--total-shards=2"]))?.kind == .shard)
        var older = plain
        older.version = "0.1"
        #expect(plain.difference(from: older)?.kind == .version)
    }
}
