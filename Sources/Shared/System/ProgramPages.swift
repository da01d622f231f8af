import Glibc

/// The pages of the program itself and of its libraries.
public enum ProgramPages {
    /// Gives back the pages of code that the process has mapped so far; those that are needed again come back from the page cache, one
    /// minor fault for each 64 KB.
    ///
    /// Reading options and configuration, starting threads and resolving symbols touches far more code than the work that follows: for
    /// an exporter 12 of 34 MiB that the system would count as its own for as long as it lives. Best called once, when the start is
    /// over. Nothing happens where /proc is missing.
    public static func release() {
        guard let maps = try? FileContents.read("/proc/self/maps") else { return }
        for line in String(decoding: maps, as: UTF8.self).split(separator: "\n") {
            // `5581a0000000-5581a1000000 r-xp 00000000 fe:00 1234   /usr/bin/program`: mapped for execution from a file, so that nobody
            // has written to it and nothing is lost.
            let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
            guard fields.count == 6, fields[1] == "r-xp", fields[5].drop(while: { $0 == " " }).first == "/" else { continue }
            let ends = fields[0].split(separator: "-").compactMap { UInt(String($0), radix: 16) }
            guard ends.count == 2, ends[0] < ends[1] else { continue }
            // Safe: private pages that were never written are read from their file again when somebody needs them, this code among them.
            _ = unsafe madvise(UnsafeMutableRawPointer(bitPattern: ends[0]), Int(ends[1] - ends[0]), MADV_DONTNEED)
        }
    }
}
