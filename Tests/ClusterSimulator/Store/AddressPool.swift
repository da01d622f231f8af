/// Hands out pod and service addresses of both families, and never one that a loaded object holds.
struct AddressPool: Sendable {
    private var taken: Set<String> = []
    private var nextPod = 1
    /// The first addresses are left to services that ask for one, as 10.96.0.10 for DNS.
    private var nextService = 257

    /// One address of each family; 10.128.0.0/9 has room for eight million pods.
    mutating func podAddresses() -> [String] {
        let address = take(\.nextPod) { "10.\(128 + ($0 >> 16)).\(($0 >> 8) & 255).\($0 & 255)" }
        return [address, "fd00:10:128::\(String(nextPod - 1, radix: 16))"]
    }

    /// 10.96.0.0/12 as kubeadm has it.
    mutating func serviceAddress() -> String {
        take(\.nextService) { "10.\(96 + ($0 >> 16)).\(($0 >> 8) & 255).\($0 & 255)" }
    }

    mutating func serviceAddress6() -> String {
        take(\.nextService) { "fd00:10:96::\(String($0, radix: 16))" }
    }

    private mutating func take(_ counter: WritableKeyPath<AddressPool, Int>, _ text: (Int) -> String) -> String {
        while true {
            let number = self[keyPath: counter]
            self[keyPath: counter] += 1
            // No network and broadcast lookalikes.
            if number & 255 == 0 || number & 255 == 255 { continue }
            let address = text(number)
            if taken.isEmpty || !taken.contains(address) { return address }
        }
    }

    /// Remembers the addresses of a service that came with them. Pods are not asked: captured ones lie in other networks.
    mutating func note(_ object: StoredObject) {
        guard object.type.kind == "Service" else { return }
        for address in object.tree.at("spec", "clusterIPs")?.array ?? [] {
            if let text = address.string, text != "None" { taken.insert(text) }
        }
    }
}
