public import KubernetesObjects

/// What a ``Reflector`` tells about its own work, for metrics. The calls come from the reflector's task and must be quick.
public protocol ReflectorObserver: Sendable {
    /// A full list was asked for, paged or as the initial events of a watch.
    func listStarted(_ resource: Resource)
    /// A full list is complete; `items` counts the undecodable ones too.
    func listEnded(_ resource: Resource, items: Int, duration: Duration)
    /// A watch was asked for.
    func watchStarted(_ resource: Resource)
    /// An event arrived after the initial list.
    func event(_ resource: Resource, kind: WatchEventKind)
    /// An event was passed over because a state of its object that is as new or newer is known.
    func repeated(_ resource: Resource)
    /// A list or watch failed; `cause` is one of few short words, fit for a label (``ReflectorFault/cause``).
    func failed(_ resource: Resource, cause: String)
}

extension ReflectorObserver {
    public func repeated(_ resource: Resource) {}
}

/// The types of watch events, named as Kubernetes writes them.
public enum WatchEventKind: String, CaseIterable, Sendable {
    case added = "ADDED"
    case modified = "MODIFIED"
    case deleted = "DELETED"
    case bookmark = "BOOKMARK"
    case error = "ERROR"
}

/// For those who count nothing.
public struct IgnoringReflectorObserver: ReflectorObserver {
    public init() {}
    public func listStarted(_ resource: Resource) {}
    public func listEnded(_ resource: Resource, items: Int, duration: Duration) {}
    public func watchStarted(_ resource: Resource) {}
    public func event(_ resource: Resource, kind: WatchEventKind) {}
    public func failed(_ resource: Resource, cause: String) {}
}
