import MizzenSystem
import TestSupport
import Testing

extension FuzzTarget: CustomTestStringConvertible {
    var testDescription: String { name }
}

@Suite("Fuzz targets", .serialized)
struct ReplayTests {
    @Test("the property holds for every input of the corpus", arguments: FuzzTarget.all)
    func corpus(target: FuzzTarget) throws {
        let corpus = try Corpus(target.name)
        #expect(!corpus.inputs.isEmpty)
        for (name, bytes) in corpus.inputs {
            #expect(throws: Never.self, "Tests/Fuzz/Corpora/\(target.name)/\(name)") { try target.check(bytes) }
        }
    }

    @Test("the property holds for changed inputs of the corpus", arguments: FuzzTarget.all)
    func mutations(target: FuzzTarget) throws {
        let corpus = try Corpus(target.name)
        var random = SeededRandom(seed: 1)
        let inputs = (0..<1000).lazy.map { _ in corpus.mutation(&random, longest: target.longestInput) }
        if let (input, failure) = firstFailure(target, on: inputs) {
            Issue.record("\(failure)\nInput, in hexadecimal: \(input.map { String($0, radix: 16) }.joined(separator: " "))")
        }
    }

    @Test("a property that does not hold is reported with the input that shows it")
    func canFail() throws {
        let wrong = FuzzTarget(name: "wrong", longestInput: 100) { input throws(PropertyFailure) in
            try expect(!input.contains(0x5C), "no input has a backslash")
        }
        let corpus = try Corpus("dns-name")
        var random = SeededRandom(seed: 1)
        let inputs = (0..<1000).map { _ in corpus.mutation(&random, longest: wrong.longestInput) }
        let found = try #require(firstFailure(wrong, on: inputs))
        #expect(found.input.contains(0x5C) && found.failure.description == "no input has a backslash")
        #expect(firstFailure(wrong, on: [Array("abc".utf8)]) == nil)
    }

    @Test("no two targets share a name, and every corpus belongs to a target")
    func names() throws {
        #expect(Set(FuzzTarget.all.map(\.name)).count == FuzzTarget.all.count)
        #expect(try Corpus.folders() == FuzzTarget.all.map(\.name).sorted())
    }
}
