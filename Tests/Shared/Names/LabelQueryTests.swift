import Names
import Testing

@Suite("Label queries")
struct LabelQueryTests {
    private let labels = ["app": "web", "tier": "", "n": "5", "example.com/a": "b"]

    @Test(
        "select as Kubernetes documents it",
        arguments: [
            ("", true), ("app", true), ("!app", false), ("!other", true), ("app=web", true), ("app==web", true),
            ("app=x", false), ("app!=x", true), ("app!=web", false), ("other!=x", true), ("app in (web,api)", true),
            ("app in (api)", false), ("app notin (web)", false), ("app notin (api, db)", true), ("other notin (web)", true),
            ("app=web,!other,tier=", true), ("tier", true), ("n>4", true), ("n>5", false), ("n<6", true), ("n < 5", false),
            ("app>1", false), ("other<1", false), ("example.com/a=b", true), (" app = web , n ", true), ("tier in (,x)", true),
            ("tier in ()", true), ("app in ()", false), ("in=x", false), ("notin in (in)", false),
        ])
    func selects(text: String, matches: Bool) throws {
        #expect(try LabelQuery(text).matches(labels) == matches)
    }

    @Test(
        "are read as requirements",
        arguments: [
            ("a=b", [.init(key: "a", .isOne(of: [[0x62]]))]), ("a == b", [.init(key: "a", .isOne(of: [[0x62]]))]),
            ("a!=b", [.init(key: "a", .isNone(of: [[0x62]]))]), ("a=", [.init(key: "a", .isOne(of: [[]]))]),
            ("a", [.init(key: "a", .exists)]), ("! a", [.init(key: "a", .absent)]),
            ("a in (b,c,b)", [.init(key: "a", .isOne(of: [[0x62], [0x63]]))]),
            ("a notin ( b , c ), d", [.init(key: "a", .isNone(of: [[0x62], [0x63]])), .init(key: "d", .exists)]),
            ("a>3,b<4", [.init(key: "a", .isGreater(than: 3)), .init(key: "b", .isLess(than: 4))]),
        ] as [(String, [LabelQuery.Requirement])])
    func reads(text: String, requirements: [LabelQuery.Requirement]) throws {
        #expect(try LabelQuery(text).requirements == requirements)
    }

    @Test(
        "are refused when broken, with what was found and what was expected",
        arguments: [
            ("!!x", "found '!'"), ("=", "found '='"), ("a=b=c", "found '='"), ("a in", "expected: '('"), ("a in (", "found ''"),
            ("a in (b", "expected: ',' or ')'"), ("a in b", "found 'b', expected: '('"), ("a,", "identifier after ','"),
            (",a", "found ','"), ("a b", "found 'b', expected: in, notin"), ("a>x", "an integer"), ("(a)", "found '('"),
            ("a=(b)", "found '('"), ("-a", "key: Invalid value: \"-a\""), ("a=-b", "values: Invalid value: \"-b\""),
            ("a/b/c", "key"), ("/a", "key"), ("Example.com/a", "key"), ("a..b/c", "key"), ("a in (b c)", "found 'c'"), ("!", "found ''"),
            ("a,,b", "found ','"), ("a in (b) c", "found 'c'"), ("a\u{a0}=b", "found '\u{a0}'"),
            ("a>9223372036854775808", "an integer"), ("a<-3", "an integer"), ("a>", "an integer"),
        ])
    func refuses(text: String, words: String) {
        let error = #expect(throws: LabelQuery.SyntaxError.self) { try LabelQuery(text) }
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }

    @Test("numbers compare up to the last of 63 bits; what is no number is on neither side")
    func numbers() throws {
        #expect(try LabelQuery("n>9223372036854775806").matches(["n": "9223372036854775807"]))
        for text in ["9223372036854775808", "99999999999999999999", "", "-1", "+1", "1.5", "1e3", "٣"] {
            #expect(try !LabelQuery("n>0").matches(["n": text]), "\(text)")
            #expect(try !LabelQuery("n<9223372036854775807").matches(["n": text]), "\(text)")
        }
    }
}
