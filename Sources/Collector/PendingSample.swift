struct Reading: Hashable, Sendable {
    var cpuSecondsTotal: Double?
    var cpuTime: Int64?
    var memoryWorkingSetBytes: Double?
    var memoryTime: Int64?
    var startTime: Double?
}
struct ContainerReading: Hashable, Sendable { var namespace: String; var pod: String; var container: String; var reading: Reading }
struct PodReading: Hashable, Sendable { var namespace: String; var pod: String; var reading: Reading }
struct NodeSample: Hashable, Sendable {
    var node: String
    var collector: String
    var scrapedAt: Int64
    var failure: String?
    var usage: Reading?
    var containers: [ContainerReading] = []
    var pods: [PodReading] = []
}
