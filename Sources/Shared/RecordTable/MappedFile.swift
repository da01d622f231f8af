package import Glibc
import MizzenSystem

/// As MizzenSystem's, with the path in the error.
package func systemCall<Result: FixedWidthInteger & SignedInteger>(
    _ call: String, _ path: String, _ body: () -> Result
) throws(TableError) -> Result {
    do {
        return try MizzenSystem.systemCall(call, body)
    } catch {
        throw .system(path: path, call: call, code: error.code, reason: error.reason)
    }
}

/// An open file descriptor that closes itself.
package final class FileDescriptor {
    package let number: Int32

    package init(opening path: String, flags: Int32, mode: mode_t = 0o644) throws(TableError) {
        // Safe: open reads the terminated path, which Swift keeps alive for the call.
        number = try systemCall("open", path) { unsafe open(path, flags | O_CLOEXEC, mode) }
    }

    deinit { close(number) }

    package func size(_ path: String) throws(TableError) -> Int {
        var status = stat()
        // Safe: fstat fills the structure it is given.
        _ = try systemCall("fstat", path) { unsafe fstat(number, &status) }
        return Int(status.st_size)
    }

    /// Device and inode: what tells this file from another one at the same path.
    package func identity(_ path: String) throws(TableError) -> FileIdentity {
        var status = stat()
        // Safe: fstat fills the structure it is given.
        _ = try systemCall("fstat", path) { unsafe fstat(number, &status) }
        return FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }
}

extension FileDescriptor {
    /// A file of somebody else's in a folder where everybody may write could be cut while it is mapped, or say what it likes; so could one of
    /// ours that others may write.
    /// - Throws: `TableError.foreign` for such a one, where the table is for nobody else.
    func checkOwner(_ path: String, _ purpose: TablePurpose) throws(TableError) {
        guard purpose == .keeping else { return }
        var status = stat()
        // Safe: fstat fills the structure it is given.
        _ = try systemCall("fstat", path) { unsafe fstat(number, &status) }
        guard status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid(), status.st_mode & (S_IWGRP | S_IWOTH) == 0 else {
            throw .foreign(path: path)
        }
    }
}

package struct FileIdentity: Hashable {
    package var device: UInt64
    package var inode: UInt64

    /// Of the file at `path`, or nil where there is none.
    package static func of(path: String) -> FileIdentity? {
        var status = stat()
        // Safe: stat reads the terminated path and fills the structure it is given.
        guard unsafe stat(path, &status) == 0 else { return nil }
        return FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }
}

/// A whole file mapped shared, until the value is gone.
@safe
package final class MappedFile {
    package let base: UnsafeMutableRawPointer
    package let size: Int

    package init(_ file: FileDescriptor, path: String, size: Int, writable: Bool) throws(TableError) {
        let protection = writable ? PROT_READ | PROT_WRITE : PROT_READ
        // Safe: a fresh mapping of the kernel's choice; MAP_FAILED is refused below.
        let address = unsafe mmap(nil, size, protection, MAP_SHARED, file.number, 0)
        guard let address = unsafe address, unsafe address != MAP_FAILED else {
            let error = SystemError(call: "mmap", code: errno)
            throw .system(path: path, call: error.call, code: error.code, reason: error.reason)
        }
        unsafe base = address
        self.size = size
    }

    deinit {
        // Safe: nobody else holds `base`: the owner of this object hands out no pointer that outlives it.
        unsafe munmap(base, size)
    }
}
