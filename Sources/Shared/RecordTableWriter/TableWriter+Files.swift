import Glibc
import RecordTable

// What the writer does with whole files: opens the current one or makes one, moves on to another, removes what is left over.

extension TableWriter {
    /// Opens the current data file and takes over what is in it. One that is missing, cut short or no data file at all (after a
    /// power loss) is replaced by an empty one; one of another layout is refused.
    static func openData(
        _ control: ControlFile, _ path: String, _ sizing: Sizing, _ purpose: TablePurpose
    ) throws(TableError) -> (BlockStore, damaged: Int, replaced: TableError?) {
        let generation = control.generation
        var fault: TableError?
        if generation > 0 {
            do throws(TableError) {
                let store = try BlockStore(
                    data: DataFile(table: path, generation: generation, hashSeed: control.hashSeed, writable: true, purpose: purpose))
                let adoption = store.adopt()
                let isOfThisBoot = control.status(generation: generation).isOfBoot(.current())
                let lost = adoption.cut + (adoption.differsFromHeader && !isOfThisBoot ? 1 : 0)
                guard adoption.needsNewFile else { return (store, lost, nil) }
                let next = try copied(store, control, path, sizing, purpose, atLeast: 0)
                return (next, max(1, lost), nil)
            } catch {
                guard error.isDataLost else { throw error }
                fault = error
            }
        }
        let data = try DataFile.create(
            table: path, generation: generation + 1, hashSeed: control.hashSeed, bucketCount: sizing.bucketCount,
            capacity: sizing.capacity, purpose: purpose)
        let store = try BlockStore(data: data)
        control.generation = generation + 1
        return (store, 0, fault)
    }

    static func makeFolder(for path: String) throws(TableError) {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return }
        let folder = String(path[..<slash])
        do {
            // Safe: mkdir reads the terminated path.
            _ = try systemCall("mkdir", folder) { unsafe mkdir(folder, 0o755) }
        } catch {
            // There already, or its parent is missing: opening the file says which, in its own words.
            return
        }
    }

    /// Removes the data files of other generations: left by a writer killed during a switch, or by an older table of this path.
    static func removeStrays(of path: String, except generation: UInt64) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        let folder = parts.count == 1 ? "." : parts.count == 2 && parts[0].isEmpty ? "/" : parts.dropLast().joined(separator: "/")
        let prefix = "\(parts.last ?? "")."
        // Safe: the stream is closed below; an entry is read before the next call may overwrite it.
        guard let stream = unsafe opendir(folder) else { return }
        var strays: [UInt64] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { place in
                unsafe place.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            guard name.hasPrefix(prefix), let found = UInt64(name.dropFirst(prefix.count)), found != generation,
                name == "\(prefix)\(found)"
            else { continue }
            strays.append(found)
        }
        unsafe closedir(stream)
        for stray in strays {
            // Safe: unlink reads the terminated path. A file that is not there is what we want.
            _ = unsafe unlink(DataFile.path(of: path, generation: stray))
        }
    }

    /// Copies every record into a new data file of fitting size, makes it the current one and removes the old.
    static func copied(
        _ store: BlockStore, _ control: ControlFile, _ path: String, _ sizing: Sizing, _ purpose: TablePurpose, atLeast needed: Int
    ) throws(TableError) -> BlockStore {
        let next = control.generation + 1
        var bucketCount = sizing.bucketCount
        while bucketCount < store.recordCount * 2 { bucketCount *= 2 }
        // Twice what lives now, and slack for an extent of each size.
        var capacity = sizing.capacity
        while capacity < store.liveBytes * 2 + Layout.blockSizes.count * Layout.Extent.usualSize + needed * 2 {
            capacity *= 2
        }
        let data = try DataFile.create(
            table: path, generation: next, hashSeed: control.hashSeed, bucketCount: bucketCount, capacity: capacity,
            purpose: purpose)
        let larger = try BlockStore(data: data)
        do throws(TableError) {
            try store.copyAll(into: larger)
        } catch {
            // Safe: unlink reads the terminated path; the file was never published.
            _ = unsafe unlink(data.path)
            throw error
        }
        control.generation = next
        _ = unsafe unlink(store.data.path)
        return larger
    }
}
