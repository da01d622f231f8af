import Testing

@testable import KubernetesObjects

/// Every field set, each to a value of its own: a field that is read from the wrong place shows.
@Suite struct ObjectValueTests {
    private func decode<Object: KubernetesObject>(_ json: String) throws -> Object {
        let bytes = Array(json.utf8)
        let object = try Object(EncodedObject(encoding: .json, bytes: bytes))
        let protobuf = try ObjectTranscoder.protobuf(fromJSON: bytes, resource: Object.resource)
        #expect(try Object(EncodedObject(encoding: .protobuf, bytes: protobuf)) == object)
        return object
    }

    @Test("metadata")
    func metadata() throws {
        let namespace: Namespace = try decode(
            #"""
            {"metadata":{"name":"n","generateName":"g","namespace":"ns","uid":"u","resourceVersion":"7","generation":3,
            "creationTimestamp":"1970-01-01T00:00:01Z","deletionTimestamp":"1970-01-01T00:00:02Z",
            "deletionGracePeriodSeconds":30,"labels":{"a":"b","c":""},"annotations":{"d":"e"},"finalizers":["f","h"],
            "ownerReferences":[{"apiVersion":"v1","kind":"K","name":"o","uid":"ou","controller":true,"blockOwnerDeletion":false}]},
            "status":{"phase":"Active","conditions":[{"type":"T","status":"True","reason":"r","message":"m","lastTransitionTime":"1970-01-01T00:00:03Z"}]}}
            """#)
        let metadata = namespace.metadata
        #expect(metadata.name == "n" && metadata.generateName == "g" && metadata.namespace == "ns")
        #expect(metadata.uid == "u" && metadata.resourceVersion == "7" && metadata.generation == 3)
        #expect(metadata.creationTimestamp?.seconds == 1 && metadata.deletionTimestamp?.seconds == 2)
        #expect(metadata.deletionGracePeriodSeconds == 30 && metadata.finalizers == ["f", "h"])
        #expect(metadata.labels == ["a": "b", "c": ""] && metadata.annotations == ["d": "e"])
        var owner = OwnerReference()
        owner.apiVersion = "v1"
        owner.kind = "K"
        owner.name = "o"
        owner.uid = "ou"
        owner.controller = true
        owner.blockOwnerDeletion = false
        #expect(metadata.ownerReferences == [owner])
        #expect(namespace.status.phase == "Active")
        let condition = try #require(namespace.status.conditions.first)
        #expect(condition.type == "T" && condition.status == "True" && condition.reason == "r")
        #expect(condition.message == "m" && condition.lastTransitionTime?.seconds == 3)
    }

    @Test("service")
    func service() throws {
        let service: Service = try decode(
            #"""
            {"spec":{"type":"LoadBalancer","clusterIP":"1.1.1.1","clusterIPs":["1.1.1.1","::1"],"externalIPs":["2.2.2.2"],
            "externalName":"x.y","externalTrafficPolicy":"Local","internalTrafficPolicy":"Cluster","ipFamilies":["IPv4","IPv6"],
            "loadBalancerIP":"3.3.3.3","publishNotReadyAddresses":true,"selector":{"a":"b"},"sessionAffinity":"ClientIP",
            "trafficDistribution":"PreferClose","ports":[{"name":"p","protocol":"UDP","appProtocol":"dns","port":53,"targetPort":"t","nodePort":30053},{"port":1,"targetPort":2}]},
            "status":{"loadBalancer":{"ingress":[{"ip":"4.4.4.4"},{"hostname":"h"}]}}}
            """#)
        let spec = service.spec
        #expect(spec.type == "LoadBalancer" && spec.clusterIP == "1.1.1.1" && spec.clusterIPs == ["1.1.1.1", "::1"])
        #expect(spec.externalIPs == ["2.2.2.2"] && spec.externalName == "x.y" && spec.externalTrafficPolicy == "Local")
        #expect(spec.internalTrafficPolicy == "Cluster" && spec.ipFamilies == ["IPv4", "IPv6"])
        #expect(spec.loadBalancerIP == "3.3.3.3" && spec.publishNotReadyAddresses && spec.selector == ["a": "b"])
        #expect(spec.sessionAffinity == "ClientIP" && spec.trafficDistribution == "PreferClose")
        #expect(spec.ports[0].name == "p" && spec.ports[0].protocol == "UDP" && spec.ports[0].appProtocol == "dns")
        #expect(spec.ports[0].port == 53 && spec.ports[0].targetPort == .string("t") && spec.ports[0].nodePort == 30053)
        #expect(spec.ports[1].targetPort == .int(2) && spec.ports[1].appProtocol == nil)
        #expect(service.status.loadBalancerIngress.map(\.ip) == ["4.4.4.4", ""])
        #expect(service.status.loadBalancerIngress.map(\.hostname) == ["", "h"])
    }

    @Test("endpoint slice")
    func endpointSlice() throws {
        let slice: EndpointSlice = try decode(
            #"""
            {"addressType":"IPv4","ports":[{"name":"","protocol":"TCP","port":80,"appProtocol":"http"},{}],
            "endpoints":[{"addresses":["1.1.1.1","1.1.1.2"],"conditions":{"ready":false,"terminating":true},"hostname":"h",
            "targetRef":{"kind":"Pod","namespace":"ns","name":"p","uid":"u","apiVersion":"v1","resourceVersion":"5","fieldPath":"f"},
            "deprecatedTopology":{"a":"b"},"nodeName":"n","zone":"z","hints":{"forZones":[{"name":"z1"}],"forNodes":[{"name":"n1"}]}},
            {"addresses":["1.1.1.3"]}]}
            """#)
        #expect(slice.addressType == "IPv4" && slice.ports[0].name == "" && slice.ports[1].name == nil)
        #expect(slice.ports[0].protocol == "TCP" && slice.ports[0].port == 80 && slice.ports[0].appProtocol == "http")
        #expect(slice.ports[1].port == nil)
        let endpoint = slice.endpoints[0]
        #expect(endpoint.addresses == ["1.1.1.1", "1.1.1.2"] && endpoint.hostname == "h" && endpoint.nodeName == "n")
        #expect(endpoint.conditions.ready == false && endpoint.conditions.serving == nil)
        #expect(endpoint.conditions.terminating == true && endpoint.zone == "z")
        #expect(endpoint.deprecatedTopology == ["a": "b"])
        #expect(endpoint.hintedZones == ["z1"] && endpoint.hintedNodes == ["n1"])
        let target = try #require(endpoint.targetRef)
        #expect(target.kind == "Pod" && target.namespace == "ns" && target.name == "p" && target.uid == "u")
        #expect(target.apiVersion == "v1" && target.resourceVersion == "5" && target.fieldPath == "f")
        #expect(slice.endpoints[1].conditions == .init() && slice.endpoints[1].targetRef == nil)
    }

    @Test("pod spec")
    func podSpec() throws {
        let pod: Pod = try decode(
            #"""
            {"spec":{"volumes":[{"name":"v","persistentVolumeClaim":{"claimName":"c","readOnly":true}},{"name":"e","ephemeral":{}},{"name":"x","emptyDir":{}}],
            "initContainers":[{"name":"i","image":"ii","restartPolicy":"Always"}],
            "containers":[{"name":"c","image":"ci","ports":[{"name":"p","hostPort":1,"containerPort":2,"protocol":"TCP"}],
            "resources":{"limits":{"cpu":"2"},"requests":{"cpu":"1500m","memory":"1Ki"}}}],
            "restartPolicy":"Never","nodeSelector":{"a":"b"},"serviceAccountName":"sa","nodeName":"n","hostNetwork":true,
            "hostname":"h","subdomain":"s","schedulerName":"sch","priorityClassName":"pc","priority":-4,"runtimeClassName":"rc",
            "tolerations":[{"key":"k","operator":"Exists","value":"v","effect":"NoExecute","tolerationSeconds":300}],
            "overhead":{"memory":"64Mi"},"resourceClaims":[{"name":"r","resourceClaimName":"rn","resourceClaimTemplateName":"rt"}]}}
            """#)
        let spec = pod.spec
        #expect(
            spec.volumes.map(\.name) == ["v", "e", "x"] && spec.volumes.map(\.isEphemeral) == [false, true, false])
        #expect(spec.volumes[0].persistentVolumeClaim?.claimName == "c")
        #expect(spec.volumes[0].persistentVolumeClaim?.readOnly == true && spec.volumes[2].persistentVolumeClaim == nil)
        #expect(spec.initContainers.map(\.name) == ["i"] && spec.initContainers[0].restartPolicy == "Always")
        let container = spec.containers[0]
        #expect(container.name == "c" && container.image == "ci" && container.restartPolicy == nil)
        #expect(container.limits == ["cpu": Quantity(nanos: 2_000_000_000)])
        #expect(container.requests["cpu"]?.milliValue == 1500 && container.requests["memory"]?.value == 1024)
        #expect(container.ports[0].name == "p" && container.ports[0].hostPort == 1)
        #expect(container.ports[0].containerPort == 2 && container.ports[0].protocol == "TCP")
        #expect(spec.restartPolicy == "Never" && spec.nodeSelector == ["a": "b"] && spec.serviceAccountName == "sa")
        #expect(spec.nodeName == "n" && spec.hostNetwork && spec.hostname == "h" && spec.subdomain == "s")
        #expect(spec.schedulerName == "sch" && spec.priorityClassName == "pc" && spec.priority == -4)
        #expect(spec.runtimeClassName == "rc" && spec.overhead["memory"]?.value == 64 << 20)
        let toleration = spec.tolerations[0]
        #expect(toleration.key == "k" && toleration.operator == "Exists" && toleration.value == "v")
        #expect(toleration.effect == "NoExecute" && toleration.tolerationSeconds == 300)
        let claim = spec.resourceClaims[0]
        #expect(claim.name == "r" && claim.resourceClaimName == "rn" && claim.resourceClaimTemplateName == "rt")
    }

    @Test("pod status")
    func podStatus() throws {
        let pod: Pod = try decode(
            #"""
            {"status":{"phase":"Running","message":"m","reason":"r","nominatedNodeName":"nn","hostIP":"1.1.1.1","hostIPs":[{"ip":"1.1.1.1"}],
            "podIP":"2.2.2.2","podIPs":[{"ip":"2.2.2.2"},{"ip":"::2"}],"startTime":"1970-01-01T00:00:05Z","qosClass":"Burstable",
            "conditions":[{"type":"Ready","status":"False"}],"resourceClaimStatuses":[{"name":"c","resourceClaimName":"d"}],
            "initContainerStatuses":[{"name":"i","state":{"waiting":{"reason":"wr","message":"wm"}}}],
            "ephemeralContainerStatuses":[{"name":"e","state":{"running":{}}}],
            "containerStatuses":[{"name":"c","ready":true,"restartCount":6,"image":"im","imageID":"id","containerID":"cid","started":false,
            "state":{"running":{"startedAt":"1970-01-01T00:00:06Z"}},
            "lastState":{"terminated":{"exitCode":137,"signal":9,"reason":"tr","message":"tm","startedAt":"1970-01-01T00:00:07Z","finishedAt":"1970-01-01T00:00:08Z","containerID":"tc"}}}]}}
            """#)
        let status = pod.status
        #expect(status.phase == "Running" && status.message == "m" && status.reason == "r")
        #expect(status.nominatedNodeName == "nn" && status.hostIP == "1.1.1.1" && status.hostIPs == ["1.1.1.1"])
        #expect(status.podIP == "2.2.2.2" && status.podIPs == ["2.2.2.2", "::2"] && status.startTime?.seconds == 5)
        #expect(status.qosClass == "Burstable" && status.conditions.map(\.type) == ["Ready"])
        #expect(status.resourceClaimStatuses[0].name == "c" && status.resourceClaimStatuses[0].resourceClaimName == "d")
        #expect(status.initContainerStatuses[0].name == "i")
        #expect(status.initContainerStatuses[0].state.waiting?.reason == "wr")
        #expect(status.initContainerStatuses[0].state.waiting?.message == "wm")
        #expect(status.ephemeralContainerStatuses[0].state.running?.startedAt == nil)
        #expect(status.ephemeralContainerStatuses[0].state.running != nil)
        let container = status.containerStatuses[0]
        #expect(container.name == "c" && container.ready && container.restartCount == 6 && container.image == "im")
        #expect(container.imageID == "id" && container.containerID == "cid" && container.started == false)
        #expect(container.state.running?.startedAt?.seconds == 6 && container.state.terminated == nil)
        let terminated = try #require(container.lastState.terminated)
        #expect(terminated.exitCode == 137 && terminated.signal == 9 && terminated.reason == "tr")
        #expect(terminated.message == "tm" && terminated.containerID == "tc")
        #expect(terminated.startedAt?.seconds == 7 && terminated.finishedAt?.seconds == 8)
    }

    @Test("node")
    func node() throws {
        let node: Node = try decode(
            #"""
            {"spec":{"podCIDR":"10.0.0.0/24","podCIDRs":["10.0.0.0/24"],"providerID":"pid","unschedulable":true,
            "taints":[{"key":"k","value":"v","effect":"NoSchedule","timeAdded":"1970-01-01T00:00:04Z"}]},
            "status":{"capacity":{"cpu":"4"},"allocatable":{"cpu":"3"},"conditions":[{"type":"Ready","status":"True"}],
            "addresses":[{"type":"InternalIP","address":"10.1.1.1"}],"daemonEndpoints":{"kubeletEndpoint":{"Port":10250}},
            "nodeInfo":{"machineID":"1","systemUUID":"2","bootID":"3","kernelVersion":"4","osImage":"5","containerRuntimeVersion":"6",
            "kubeletVersion":"7","kubeProxyVersion":"8","operatingSystem":"9","architecture":"10"}}}
            """#)
        #expect(node.spec.podCIDR == "10.0.0.0/24" && node.spec.podCIDRs == ["10.0.0.0/24"])
        #expect(node.spec.providerID == "pid" && node.spec.unschedulable)
        let taint = node.spec.taints[0]
        #expect(taint.key == "k" && taint.value == "v" && taint.effect == "NoSchedule" && taint.timeAdded?.seconds == 4)
        #expect(node.status.capacity["cpu"]?.value == 4 && node.status.allocatable["cpu"]?.value == 3)
        #expect(node.status.conditions[0].type == "Ready" && node.status.kubeletPort == 10250)
        #expect(node.status.addresses[0].type == "InternalIP" && node.status.addresses[0].address == "10.1.1.1")
        let info = node.status.nodeInfo
        let texts = [
            info.machineID, info.systemUUID, info.bootID, info.kernelVersion, info.osImage,
            info.containerRuntimeVersion, info.kubeletVersion, info.kubeProxyVersion, info.operatingSystem,
            info.architecture,
        ]
        #expect(texts == (1...10).map { "\($0)" })
    }

    @Test("deployment")
    func deployment() throws {
        let deployment: Deployment = try decode(
            #"""
            {"spec":{"replicas":0,"selector":{"matchLabels":{"a":"b"},"matchExpressions":[{"key":"k","operator":"In","values":["v","w"]}]},
            "strategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":"25%","maxSurge":1}},"minReadySeconds":5,
            "revisionHistoryLimit":10,"paused":true,"progressDeadlineSeconds":600},
            "status":{"observedGeneration":1,"replicas":2,"updatedReplicas":3,"readyReplicas":4,"availableReplicas":5,
            "unavailableReplicas":6,"terminatingReplicas":7,"conditions":[{"type":"Available","status":"True","reason":"r"}]}}
            """#)
        let spec = deployment.spec
        #expect(spec.replicas == 0 && spec.selector?.matchLabels == ["a": "b"] && spec.minReadySeconds == 5)
        let requirement = try #require(spec.selector?.matchExpressions.first)
        #expect(requirement.key == "k" && requirement.operator == "In" && requirement.values == ["v", "w"])
        #expect(spec.strategy.type == "RollingUpdate" && spec.strategy.rollingUpdate?.maxUnavailable == .string("25%"))
        #expect(spec.strategy.rollingUpdate?.maxSurge == .int(1) && spec.revisionHistoryLimit == 10)
        #expect(spec.paused && spec.progressDeadlineSeconds == 600)
        let status = deployment.status
        #expect(status.observedGeneration == 1 && status.replicas == 2 && status.updatedReplicas == 3)
        #expect(status.readyReplicas == 4 && status.availableReplicas == 5 && status.unavailableReplicas == 6)
        #expect(status.terminatingReplicas == 7 && status.conditions[0].reason == "r")
        let empty: Deployment = try decode("{}")
        #expect(empty == Deployment() && empty.spec.replicas == nil)
    }

    @Test("reviews and metrics pass through the transcoder")
    func reviewsAndMetrics() throws {
        let cases: [(Resource, String)] = [
            (
                .tokenReviews,
                #"{"spec":{"token":"t","audiences":["a"]},"status":{"authenticated":true,"user":{"username":"u","groups":["g"],"extra":{"k":["v","w"]}}}}"#
            ),
            (
                .subjectAccessReviews,
                #"{"spec":{"resourceAttributes":{"namespace":"n","verb":"get","group":"g","resource":"r"},"user":"u"},"status":{"allowed":true}}"#
            ),
            (
                .nodeMetrics,
                #"{"metadata":{"name":"n"},"timestamp":"2026-01-01T00:00:00Z","window":"10.05s","usage":{"cpu":"1"}}"#
            ),
            (
                .podMetrics,
                #"{"metadata":{"name":"p"},"timestamp":"2026-01-01T00:00:00Z","window":"1m0s","containers":[{"name":"c","usage":{"cpu":"10n","memory":"4Ki"}}]}"#
            ),
        ]
        for (resource, json) in cases {
            let text = Array(json.utf8)
            let protobuf = try ObjectTranscoder.protobuf(fromJSON: text, resource: resource)
            let again = try JSONTree(ProtobufToJSON.convert(protobuf, .of(resource)))
            #expect(again.difference(from: try JSONTree(text), allowingMissingEmptyObjects: false) == nil)
        }
    }
}
