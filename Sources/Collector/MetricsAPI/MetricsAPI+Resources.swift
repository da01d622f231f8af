import Names
import ProcessRuntime

/// Nodes and pods.
extension MetricsAPI {
    func answer(_ target: APITarget.ResourceTarget, _ request: MetricsRequest) throws(Refusal) -> MetricsAnswer {
        guard let kind = ResourceKind(target) else { throw .unknownPath }
        guard request.isRead else { throw .methodNotAllowed }
        guard AnswerFormat.isProducible(request.accept) else { throw .unproducible }
        guard let format = AnswerFormat.negotiate(request.accept, for: .resource) else { throw .notAcceptable }
        let moment = now()
        if let name = target.name {
            let item = try kind == .nodes ? node(name) : pod(target.namespace ?? "", name)
            freshness.observe(Double(moment - item.window.end) / 1e9)
            return try encode(MetricsDocument(kind: kind.kind, content: .item(item), now: moment / 1_000_000_000), format, request)
        }
        let options = try ListOptions(request)
        if options.isWatch { throw .watchUnsupported(target.resource) }
        let objects =
            switch kind {
            case .nodes: nodes(options)
            case .pods: pods(target.namespace, options)
            }
        return try list(kind, objects, format, request, at: moment)
    }

    private func node(_ name: String) throws(Refusal) -> MetricsItem {
        guard let node = catalog.node(named: name) else { throw .notFound(kind: "node", name: name) }
        guard let item = store.items(of: [node]).first else {
            throw .notFound(kind: "nodemetrics", group: "metrics.k8s.io", name: name)
        }
        return item
    }

    private func pod(_ namespace: String, _ name: String) throws(Refusal) -> MetricsItem {
        guard let pod = catalog.pod(namespace: namespace, name: name) else { throw .notFound(kind: "pods", name: name) }
        guard let item = store.items(of: [pod]).first else {
            throw .notFound(kind: "podmetrics", group: "metrics.k8s.io", name: "\(namespace)/\(name)")
        }
        return item
    }

    // MARK: Lists

    /// What is selected, with what is measured of it.
    private enum Selection {
        case nodes([(Listed<CatalogNode>, NodeUsage)])
        case pods([(Listed<CatalogPod>, PodUsage)])
    }

    private func nodes(_ options: ListOptions) -> Selection {
        let chosen = catalog.listedNodes().filter { node in
            let node = node.object
            return nodeSelector.matches(node.labels) && options.labels.matches(node.labels)
                && options.fields.matches(name: node.name, namespace: "")
        }
        let usages = store.usage(ofNodes: chosen.map(\.object.name))
        return .nodes(zip(chosen, usages).compactMap { node, usage in usage.map { (node, $0) } })
    }

    private func pods(_ namespace: String?, _ options: ListOptions) -> Selection {
        var chosen: [Listed<CatalogPod>] = []
        for pods in catalog.listedPods(namespace: namespace) {
            chosen += pods.filter { pod in
                let pod = pod.object
                return options.labels.matches(pod.labels) && options.fields.matches(name: pod.name, namespace: pod.namespace)
            }
        }
        let keys = chosen.map { UsageStore.PodKey(namespace: $0.object.namespace, name: $0.object.name) }
        return .pods(zip(chosen, store.usage(ofPods: keys)).compactMap { pod, usage in usage.map { (pod, $0) } })
    }

    /// - Parameter moment: of the answer, nanoseconds since 1970-01-01 UTC.
    private func list(
        _ kind: ResourceKind, _ objects: Selection, _ format: AnswerFormat, _ request: MetricsRequest, at moment: Int64
    ) throws(Refusal) -> MetricsAnswer {
        let seconds = moment / 1_000_000_000
        guard let form = try pieceForm(format, request) else {
            let items =
                switch objects {
                case .nodes(let nodes): nodes.compactMap { $1.item($0.object) }
                case .pods(let pods): pods.compactMap { $1.item($0.object, isPartial: store.isPartial) }
                }
            for item in items { freshness.observe(Double(moment - item.window.end) / 1e9) }
            return try encode(MetricsDocument(kind: kind.kind, content: .list(items), now: seconds), format, request)
        }
        var renderer = ItemRenderer(form, now: seconds)
        let pieces = pieces(of: objects, form, &renderer)
        for piece in pieces { freshness.observe(Double(moment - piece.measuredAt) / 1e9) }
        let list =
            switch form {
            case .json(let pretty):
                ListBody(
                    MetricsDocument(kind: kind.kind, content: .list([]), now: seconds).json, pretty: pretty, pieces: pieces,
                    moment: renderer.moment)
            case .row(let version, _, let pretty):
                ListBody(
                    MetricsDocument.table(version: version, hasRows: !pieces.isEmpty), pretty: pretty, pieces: pieces,
                    moment: renderer.moment)
            case .protobuf:
                ListBody(apiVersion: MetricsDocument.apiVersion, kind: kind.kind + "List", pieces: pieces, moment: renderer.moment)
            }
        return MetricsAnswer(contentType: format.encoding.contentType, content: .list(list))
    }

    private func pieces(of objects: Selection, _ form: PieceForm, _ renderer: inout ItemRenderer) -> [RenderedPiece] {
        let uptime = uptime()
        let size = renderer.moment.count
        switch objects {
        case .nodes(let nodes):
            return nodes.compactMap { node, usage in
                node.pieces.piece(form, of: usage, momentSize: size, now: uptime) { former in
                    usage.item(node.object).map { renderer.piece(of: $0, after: former) }
                }
            }
        case .pods(let pods):
            return pods.compactMap { pod, usage in
                pod.pieces.piece(form, of: usage, momentSize: size, now: uptime) { former in
                    usage.item(pod.object, isPartial: store.isPartial).map { renderer.piece(of: $0, after: former) }
                }
            }
        }
    }

    /// How items of lists stand in this form; nil where nothing is kept of them, since hardly anybody asks for it: YAML is read by people.
    private func pieceForm(_ format: AnswerFormat, _ request: MetricsRequest) throws(Refusal) -> PieceForm? {
        let pretty = format.isPretty || request.wantsPretty
        switch (format.encoding, format.conversion) {
        case (.json, nil): return .json(pretty: pretty)
        case (.protobuf, nil): return .protobuf
        case (.json, .table(let version)): return .row(version: version, object: try request.rowObject(), pretty: pretty)
        case (.yaml, _), (_, .table), (_, .metadata), (_, .metadataList), (_, .groups): return nil
        }
    }

    // MARK: Encoding

    private func encode(_ document: MetricsDocument, _ format: AnswerFormat, _ request: MetricsRequest) throws(Refusal) -> MetricsAnswer {
        if format.encoding == .protobuf {
            let body =
                switch format.conversion {
                case .metadata(let version), .metadataList(let version): try document.metadataProtobuf(version, isList: format.wantsList)
                case .table, .groups, nil: document.protobuf
                }
            return MetricsAnswer(contentType: format.encoding.contentType, body: body)
        }
        let value =
            switch format.conversion {
            case .table(let version): document.table(version: version, object: try request.rowObject())
            case .metadata(let version), .metadataList(let version): try document.metadata(version, isList: format.wantsList)
            case .groups, nil: document.json
            }
        let body = format.encoding == .yaml ? value.yaml() : value.json(pretty: format.isPretty || request.wantsPretty)
        return MetricsAnswer(contentType: format.encoding.contentType, body: body)
    }
}

extension AnswerFormat {
    fileprivate var wantsList: Bool {
        switch conversion {
        case .metadataList: true
        case .table, .metadata, .groups, nil: false
        }
    }
}
