import KubernetesObjects

// What a publisher remembers of the one before it: objects without bytes, until the first list brings these.

extension StoredResource {
    var hasHistory: Bool { buckets.contains { $0.sequence > 0 } }

    var rememberedCount: Int { buckets.reduce(0) { $0 + $1.remembered.count } }

    /// Sequences count on from what a history says; half of the numbers are left for that, which no stream uses up.
    private static let highestRecalled = UInt64.max / 2

    /// Takes one delta of the former publisher.
    /// - Returns: false unless it is the next of its bucket.
    mutating func recall(_ change: Change, _ object: RememberedObject) -> Bool {
        let bucket = Topic.bucket(ofUID: object.identity.uid)
        let at = Int(bucket)
        guard buckets[at].sequence < Self.highestRecalled, buckets[at].sequence + 1 == object.sequence else { return false }
        let before = buckets[at].remembered[object.identity.uid]
        buckets[at].remembered[object.identity.uid] = change == .deleted ? nil : object
        _ = stamp(bucket, object.identity.namespace, objects: (change == .deleted ? 0 : 1) - (before == nil ? 0 : 1))
        return true
    }

    /// Takes a whole bucket, of which nothing may be known yet.
    mutating func recall(_ bucket: UInt8, _ image: BucketImage) -> Bool {
        let at = Int(bucket)
        let highest = image.objects.lazy.map(\.sequence).max() ?? 0
        guard buckets[at].sequence == 0, image.sequence > 0, image.sequence <= Self.highestRecalled, image.forgotten <= image.sequence,
            highest <= image.sequence,
            image.tails.values.allSatisfy({ $0 <= image.sequence }),
            image.objects.allSatisfy({ Topic.bucket(ofUID: $0.identity.uid) == bucket })
        else { return false }
        buckets[at].sequence = image.sequence
        buckets[at].forgotten = image.forgotten
        for (namespace, sequence) in image.tails { buckets[at].tails[namespace] = Tail(sequence: sequence, objects: 0, round: round) }
        for object in image.objects {
            buckets[at].remembered[object.identity.uid] = object
            buckets[at].tails[object.identity.namespace]?.objects += 1
        }
        return true
    }

    /// What the bucket's state is, for a fresh history file.
    func image(bucket: UInt8) -> BucketImage {
        let held = buckets[Int(bucket)]
        let objects = held.objects.values.map { object in
            RememberedObject(
                identity: object.identity, encoding: object.object.encoding, digest: StreamHistory.digest(object.object.bytes),
                sequence: object.sequence, commitTime: object.commitTime)
        }
        return BucketImage(
            sequence: held.sequence, forgotten: held.forgotten, tails: held.tails.mapValues(\.sequence),
            objects: objects + held.remembered.values)
    }

    /// All namespaces are named in the next tails: a subscriber of one may have missed what was sent last before the restart.
    mutating func nameAllTails() {
        guard resource.isNamespaced else { return }
        changed[changed.count - 1] = buckets.indices.flatMap { at in
            buckets[at].tails.keys.map { FullTopic(bucket: UInt8(at), namespace: $0) }
        }
    }

    /// The first list brings an object that was published before the restart.
    /// - Returns: what is remembered of it, if it is as it was then; nil otherwise.
    mutating func recognise(_ watched: WatchedObject) -> RememberedObject? {
        let at = Int(Topic.bucket(ofUID: watched.identity.uid))
        guard let known = buckets[at].remembered[watched.identity.uid], known.isState(watched) else { return nil }
        buckets[at].remembered[watched.identity.uid] = nil
        return known
    }
}

extension StreamStore {
    /// A store that goes on where another one ended. What had been published of a resource is hidden until ``markSynced``.
    init(streamID: UInt64, recalled: [StoredResource]) {
        self.init(streamID: streamID)
        for var resource in recalled {
            resource.nameAllTails()
            let at = index(announcing: resource.resource)
            resources[at] = resource
            if resource.hasHistory { hidden.insert(resource.resource) }
        }
    }

    /// Empty for an unknown resource.
    func image(_ resource: Resource, bucket: UInt8) -> BucketImage {
        resources.first { $0.resource == resource }?.image(bucket: bucket) ?? BucketImage()
    }
}
