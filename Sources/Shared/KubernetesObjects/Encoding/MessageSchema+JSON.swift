/// Where Kubernetes' JSON is not simply the message's fields by name.
extension MessageSchema {
    /// Messages that are one JSON value.
    enum JSONForm {
        case object
        /// RFC 3339 text.
        case time(fractionDigits: Int)
        /// Go's duration text.
        case duration
        /// Text, or a number when read.
        case quantity
        /// A number or text.
        case intOrString
        /// An array of strings.
        case stringList
        /// Any JSON, kept as it is in the field `raw`.
        case raw
    }

    var jsonForm: JSONForm {
        switch name {
        case "meta.Time": .time(fractionDigits: 0)
        case "meta.MicroTime": .time(fractionDigits: 6)
        case "meta.Duration": .duration
        case "meta.Quantity": .quantity
        case "meta.IntOrString": .intOrString
        case "meta.StringList": .stringList
        case "meta.RawExtension": .raw
        default: .object
        }
    }

    /// Whether this is one pair of a map.
    var isMapEntry: Bool {
        switch name {
        case "meta.StringEntry", "meta.BytesEntry", "meta.QuantityEntry", "meta.ListEntry": true
        default: false
        }
    }

    /// The field whose own fields stand in this message's JSON object (`json:",inline"` in Go); at most one a message.
    var inlineField: FieldSchema? {
        switch name {
        case "core.Volume": field("volumeSource")
        case "core.PersistentVolumeSpec": field("persistentVolumeSource")
        case "networking.IngressRule": field("ingressRuleValue")
        default: nil
        }
    }
}
