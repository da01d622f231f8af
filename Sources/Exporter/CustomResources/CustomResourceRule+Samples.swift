/// A sample before the labels that all samples of its rule have.
struct RuleSample: Hashable, Sendable {
    /// Where one object gives two values for one series, the higher counts.
    enum Rank: Int, Comparable, Sendable {
        /// Nothing is there, and `nilIsZero` makes it 0.
        case zero
        case found
        /// `valueFrom` names this very member of the map.
        case named

        static func < (left: Rank, right: Rank) -> Bool { left.rawValue < right.rawValue }
    }

    var labels: [String: String] = [:]
    var value: Double
    var rank = Rank.found
}

extension CustomResourceRule {
    /// What an object gives, in an order that depends on nothing but the object.
    ///
    /// - Parameter report: called with each value that cannot be made a sample, and why.
    func samples(of object: ObjectValue, report: (String) -> Void) -> [RuleSample] {
        let samples =
            switch each {
            case .gauge(let gauge): gauge.samples(of: object, report)
            case .info(let info): info.samples(of: object)
            case .stateSet(let set): set.samples(of: object, report)
            }
        let keyed = samples.map { sample in
            (sample.labels.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.flatMap { [$0.key, $0.value] }, sample)
        }
        // Stable: samples with the same labels stay as they come from the object.
        return keyed.sorted { $0.0.lexicographicallyPrecedes($1.0) { $0.utf8.lexicographicallyPrecedes($1.utf8) } }.map(\.1)
    }

    /// The labels of every sample of an object, which those of the single sample override.
    /// - Parameter identity: group, version and kind.
    func baseLabels(of object: ObjectValue, identity: [String: String]) -> [String: String] {
        var labels = identity.merging(commonLabels) { _, own in own }
        labelsFromPath.add(from: object, to: &labels)
        return labels
    }
}

extension CustomResourceRule.Gauge {
    fileprivate func samples(of object: ObjectValue, _ report: (String) -> Void) -> [RuleSample] {
        let root = path.value(in: object)
        switch root {
        case .map(let members): return members.compactMap { sample(of: $0, in: root, report) }
        case .list(let elements):
            return elements.enumerated().compactMap { index, element in
                sample(of: element.present, at: "\(path)[\(index)]", report)
            }
        case .null, .bool, .integer, .double, .text, nil: return sample(of: root, at: "\(path)", report).map { [$0] } ?? []
        }
    }

    /// - Parameter place: for messages.
    private func sample(of element: ObjectValue?, at place: String, _ report: (String) -> Void) -> RuleSample? {
        guard var sample = value(of: element, at: place, report) else { return nil }
        labelsFromPath.add(from: element, to: &sample.labels)
        return sample
    }

    /// A member of the map that the path leads to. `valueFrom` may name the member itself, or a value inside it; its labels may come
    /// from inside it or from the map.
    private func sample(of member: ObjectValue.Member, in map: ObjectValue?, _ report: (String) -> Void) -> RuleSample? {
        var sample: RuleSample
        if valueFrom.elements == [member.key], !member.key.isEmpty, !member.key.contains(",") {
            guard member.value != .null || !nilIsZero else { return labelled(RuleSample(value: 0, rank: .zero), member, map) }
            do throws(SampleNumber.Fault) {
                sample = RuleSample(value: try SampleNumber.value(of: member.value), rank: .named)
            } catch {
                report("\(path)[\(member.key)]: \(error.reason)")
                return nil
            }
        } else {
            // A map's other members need not be numbers, so nothing is said of those that are none.
            guard let found = value(of: member.value.present, at: "", { _ in }) else { return nil }
            sample = found
        }
        return labelled(sample, member, map)
    }

    private func labelled(_ sample: RuleSample, _ member: ObjectValue.Member, _ map: ObjectValue?) -> RuleSample {
        var sample = sample
        if let labelFromKey, !member.key.isEmpty { sample.labels[labelFromKey] = member.key }
        labelsFromPath.add(from: member.value.present, to: &sample.labels)
        labelsFromPath.add(from: map, to: &sample.labels)
        return sample
    }

    private func value(of element: ObjectValue?, at place: String, _ report: (String) -> Void) -> RuleSample? {
        guard let found = valueFrom.value(in: element) else {
            if nilIsZero { return RuleSample(value: 0, rank: .zero) }
            if element == nil { report("\(place): there is nothing") }
            return nil
        }
        do throws(SampleNumber.Fault) {
            return RuleSample(value: try SampleNumber.value(of: found))
        } catch {
            report("\(place)\(valueFrom.elements.isEmpty ? "" : " \(valueFrom)"): \(error.reason)")
            return nil
        }
    }
}

extension CustomResourceRule.Info {
    fileprivate func samples(of object: ObjectValue) -> [RuleSample] {
        let root = path.value(in: object)
        switch root {
        case .list(let elements): return elements.compactMap { sample(of: $0.present) }
        case .map(let members):
            let each = members.compactMap { member in
                sample(of: member.value.present, labels: labelFromKey.map { member.key.isEmpty ? [:] : [$0: member.key] } ?? [:])
            }
            return each + (sample(of: root).map { [$0] } ?? [])
        case .null, .bool, .integer, .double, .text, nil: return sample(of: root).map { [$0] } ?? []
        }
    }

    /// - Returns: nil for an element without labels, which would say nothing.
    private func sample(of element: ObjectValue?, labels: [String: String] = [:]) -> RuleSample? {
        var labels = labels
        labelsFromPath.add(from: element, to: &labels)
        return labels.isEmpty ? nil : RuleSample(labels: labels, value: 1)
    }
}

extension CustomResourceRule.StateSet {
    fileprivate func samples(of object: ObjectValue, _ report: (String) -> Void) -> [RuleSample] {
        let root = path.value(in: object)
        guard case .list(let elements) = root else { return samples(ofElement: root, report) }
        return elements.flatMap { samples(ofElement: $0.present, report) }
    }

    private func samples(ofElement element: ObjectValue?, _ report: (String) -> Void) -> [RuleSample] {
        guard let found = valueFrom.value(in: element) else { return [] }
        guard case .text(let state) = found else {
            report("\(path)\(valueFrom.elements.isEmpty ? "" : " \(valueFrom)"): a text was expected")
            return []
        }
        return list.map { entry in
            var labels = [labelName: entry]
            labelsFromPath.add(from: element, to: &labels)
            return RuleSample(labels: labels, value: entry == state ? 1 : 0)
        }
    }
}
