import Foundation
import KubernetesObjects

/// Where a cluster's first objects come from. Sources combine: captures first, then generated objects, then manifests.
struct ClusterSource {
    var documents: [JSONValue] = []
    var captures: [CapturedFolder] = []

    /// - Parameter paths: manifest files, folders of manifests (read in the order of their names, with their subfolders),
    ///   or captured folders.
    init(paths: [String]) throws(ManifestError) {
        for path in paths { try add(path) }
    }

    private mutating func add(_ path: String) throws(ManifestError) {
        var isFolder: ObjCBool = false
        guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw ManifestError(place: path, reason: "no such file or folder")
        }
        if isFolder.boolValue {
            if CapturedFolder.isCapture(path) {
                captures.append(try CapturedFolder(path))
                return
            }
            let names: [String]
            do { names = try FileManager.default.contentsOfDirectory(atPath: path).sorted() } catch {
                throw ManifestError(place: path, reason: "\(error)")
            }
            for name in names where !name.hasPrefix(".") {
                let child = "\(path)/\(name)"
                var isChildFolder: ObjCBool = false
                _ = unsafe FileManager.default.fileExists(atPath: child, isDirectory: &isChildFolder)
                if isChildFolder.boolValue || [".yaml", ".yml", ".json"].contains(where: name.hasSuffix) {
                    try add(child)
                }
            }
            return
        }
        documents += try Self.documents(try Self.read(path), place: path)
    }

    static func read(_ path: String) throws(ManifestError) -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ManifestError(place: path, reason: "the file cannot be read")
        }
        return Array(data)
    }

    /// The objects of a manifest; lists (`kind: List`, `kind: PodList`) are taken apart.
    static func documents(_ bytes: [UInt8], place: String) throws(ManifestError) -> [JSONValue] {
        let documents: [JSONValue]
        // JSON is YAML too, but our own parser is much the faster one.
        if let tree = try? JSONValue(parsing: bytes) {
            documents = [tree]
        } else {
            documents = try JSONValue.documents(yaml: String(decoding: bytes, as: UTF8.self), place: place)
        }
        return documents.flatMap { document -> [JSONValue] in
            guard let kind = document["kind"]?.string, kind.hasSuffix("List"), let items = document["items"]?.array
            else {
                return [document]
            }
            return items.map { item in
                var item = item
                if item["kind"] == nil, kind != "List" {
                    item["kind"] = .string(String(kind.dropLast(4)))
                    item["apiVersion"] = document["apiVersion"]
                }
                return item
            }
        }
    }
}

/// A folder of captured answers: `lists/*.json`, discovery documents and kubelet expositions.
struct CapturedFolder: Sendable {
    var path: String
    var lists: [JSONValue] = []
    /// Discovery bodies by request path.
    var discovery: [String: [UInt8]] = [:]

    static func isCapture(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path + "/lists") }

    init(_ path: String) throws(ManifestError) {
        self.path = path
        for name in try Self.names(path + "/lists") where name.hasSuffix(".json") {
            let place = "\(path)/lists/\(name)"
            do { lists.append(try JSONValue(parsing: ClusterSource.read(place))) } catch {
                throw ManifestError(place: place, reason: "\(error)")
            }
        }
        for name in try Self.names(path)
        where name == "version.json" || (name.hasPrefix("api") && name.hasSuffix(".json")) {
            // `apis_apps_v1.json` answers /apis/apps/v1.
            let request = "/" + name.dropLast(5).replacing("_", with: "/")
            discovery[request] = try ClusterSource.read("\(path)/\(name)")
        }
    }

    private static func names(_ folder: String) throws(ManifestError) -> [String] {
        do { return try FileManager.default.contentsOfDirectory(atPath: folder).sorted() } catch {
            throw ManifestError(place: folder, reason: "\(error)")
        }
    }

    /// Stores the captured objects as they are: versions, UIDs and times included.
    func load(into database: inout ObjectDatabase) throws(ManifestError) {
        for list in lists {
            let kind = list["kind"]?.string ?? ""
            guard kind.hasSuffix("List"), let version = list["apiVersion"]?.string,
                let type = ResourceCatalog.type(apiVersion: version, kind: String(kind.dropLast(4)))
            else { throw ManifestError(place: path, reason: "a list of \(kind) is none of the kinds that are known") }
            for item in list["items"]?.array ?? [] { database.load(type, item, keepingVersion: true) }
            if let version = list.at("metadata", "resourceVersion")?.string.flatMap({ UInt64($0) }) {
                database.raiseVersion(to: version)
            }
        }
    }
}
