import MizzenSystem

/// One zone and the file that it comes from, with what is needed to notice a change.
struct ZoneFile: Sendable {
    enum Change {
        case none
        /// The zone is another one now.
        case loaded(Zone)
        /// The file changed, but not its serial: the zone stays (as CoreDNS does, whose operators raise the serial last).
        case sameSerial
        /// The file has a fault; the zone stays. Said once for each change of the file.
        case failed(ZoneFileError)
    }

    let path: String
    let origin: DNSName
    private(set) var zone: Zone?
    /// As they were when they were read last, well or not.
    private var files: [ZoneFileReader.ReadFile] = []

    init(path: String, origin: DNSName) {
        self.path = path
        self.origin = origin
    }

    /// Reads the file if it, or one that it includes, is another one than at the last call.
    mutating func refresh() -> Change {
        guard isChanged else { return .none }
        var reader = ZoneFileReader(origin: origin)
        defer { files = reader.files }
        do throws(ZoneFileError) {
            let read = try reader.zone(path)
            if let zone, zone.serial == read.serial { return .sameSerial }
            zone = read
            return .loaded(read)
        } catch {
            return .failed(error)
        }
    }

    private var isChanged: Bool {
        if files.isEmpty { return true }
        for file in files where (try? RegularFile.identity(file.path)) != file.identity { return true }
        return false
    }
}
