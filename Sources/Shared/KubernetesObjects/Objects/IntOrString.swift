/// A number or a name, as in `util.intstr.IntOrString`: a port, or `25%`.
public enum IntOrString: Hashable, Sendable {
    case int(Int32)
    case string(String)
}
