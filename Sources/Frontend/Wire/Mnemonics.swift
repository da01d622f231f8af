/// The words that zone files, Corefiles and log lines have for the numbers of a message (IANA's DNS parameters), spelt as CoreDNS
/// spells them. No look-up allocates.
enum Mnemonics {
    /// Record and question types.
    static func type(_ number: UInt16) -> String? { RecordType(rawValue: number).mnemonic }
    /// Exact, in capitals.
    static func type(named name: String) -> UInt16? { name == name.uppercased() ? RecordType(mnemonic: name)?.rawValue : nil }

    static func recordClass(_ number: UInt16) -> String? { classNames[number] }
    /// Exact, in capitals.
    static func recordClass(named name: String) -> UInt16? { classNames.first { $0.value == name }?.key }

    static func responseCode(_ number: UInt16) -> String? { responseCodeNames[number] }
    /// Exact, in capitals; `NOTIMPL` and `BADVERS` are second names.
    static func responseCode(named name: String) -> UInt16? {
        switch name {
        case "NOTIMPL": 4
        case "BADVERS": 16
        default: responseCodeNames.first { $0.value == name }?.key
        }
    }

    static let allClasses = ["IN", "CS", "CH", "HS", "NONE", "ANY"]
    static var allTypes: [String] { RecordType.allMnemonics }
    static var allResponseCodes: [String] { responseCodeNames.sorted { $0.key < $1.key }.map(\.value) }

    private static let classNames: [UInt16: String] = [1: "IN", 2: "CS", 3: "CH", 4: "HS", 254: "NONE", 255: "ANY"]

    private static let responseCodeNames: [UInt16: String] = [
        0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 6: "YXDOMAIN", 7: "YXRRSET",
        8: "NXRRSET", 9: "NOTAUTH", 10: "NOTZONE", 11: "DSOTYPENI", 16: "BADSIG", 17: "BADKEY", 18: "BADTIME", 19: "BADMODE",
        20: "BADNAME", 21: "BADALG", 22: "BADTRUNC", 23: "BADCOOKIE",
    ]
}
