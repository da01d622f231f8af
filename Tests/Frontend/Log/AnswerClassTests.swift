import Testing

@testable import Frontend

@Suite("Kinds of answers")
struct AnswerClassTests {
    @Test(
        "answers are sorted as CoreDNS sorts them",
        arguments: [
            (AnswerTraits(answers: 1), AnswerKind.noError, AnswerClass.success),
            (AnswerTraits(), .noError, .success),
            (AnswerTraits(answers: 1, authoritySOA: true), .noError, .success),
            (AnswerTraits(authoritySOA: true), .noData, .denial),
            (AnswerTraits(authoritySOA: true, authorityNS: true), .noData, .denial),
            (AnswerTraits(authorityNS: true), .delegation, .success),
            (AnswerTraits(responseCode: 3), .otherError, .error),
            (AnswerTraits(responseCode: 3, authoritySOA: true), .nameError, .denial),
            (AnswerTraits(responseCode: 3, answers: 1), .otherError, .error),
            (AnswerTraits(responseCode: 3, answers: 1, authoritySOA: true), .nameError, .denial),
            (AnswerTraits(responseCode: 2), .serverError, .error),
            (AnswerTraits(responseCode: 2, answers: 3), .serverError, .error),
            (AnswerTraits(responseCode: 4), .serverError, .error),
            (AnswerTraits(responseCode: 5), .otherError, .error),
            (AnswerTraits(responseCode: 5, authoritySOA: true, authorityNS: true), .otherError, .error),
            (AnswerTraits(responseCode: 23), .otherError, .error),
            (AnswerTraits(answers: 1, hasExpiredSignature: true), .otherError, .error),
            (AnswerTraits(opcode: 4, answers: 1), .meta, .error),
            (AnswerTraits(opcode: 5, responseCode: 3), .update, .error),
            (AnswerTraits(question: .axfr, answers: 1), .meta, .error),
            (AnswerTraits(question: .ixfr), .meta, .error),
        ])
    func kinds(traits: AnswerTraits, kind: AnswerKind, answerClass: AnswerClass) {
        #expect(traits.kind == kind)
        #expect(traits.kind.answerClass == answerClass)
    }
}
