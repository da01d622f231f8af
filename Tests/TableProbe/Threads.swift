import Glibc
import Names
import RecordTable
import Synchronization

/// A writer and two readers as threads of one process: what the thread sanitizer can see, which processes hide from it.
func threads(_ path: String, reads: Int) throws {
    do {
        let writer = try openWriter(path)
        try ClusterList(seed: 1).relist(writer)
    }
    let isDone = Atomic<Int>(0)
    withUnsafeThreads(3) { number in
        do {
            if number == 0 {
                let writer = try openWriter(path)
                var random = Repeatable(state: 5)
                while isDone.load(ordering: .acquiring) < 2 {
                    try change(writer, &random, steps: 2_000)
                    try growAndShrink(writer, &random, extras: 1_000)
                }
            } else {
                try read(path, reads: reads / 2)
                isDone.add(1, ordering: .acquiringAndReleasing)
            }
        } catch {
            fail("\(error)")
        }
    }
}

/// Runs `body` on so many threads and waits for all.
private func withUnsafeThreads(_ count: Int, _ body: (Int) -> Void) {
    withoutActuallyEscaping(body) { body in
        struct Job { let number: Int; let body: (Int) -> Void }
        var handles: [pthread_t] = []
        for number in 0..<count {
            // Safe: the thread takes over the box; all threads are joined before `body` ends.
            let box = UnsafeMutablePointer<Job>.allocate(capacity: 1)
            unsafe box.initialize(to: Job(number: number, body: body))
            var handle = pthread_t()
            let code = unsafe pthread_create(
                &handle, nil,
                { argument in
                    let job = unsafe argument!.assumingMemoryBound(to: Job.self)
                    unsafe job.pointee.body(job.pointee.number)
                    unsafe job.deinitialize(count: 1)
                    unsafe job.deallocate()
                    return nil
                }, box)
            guard code == 0 else { fail("pthread_create: \(code)") }
            handles.append(handle)
        }
        for handle in handles { pthread_join(handle, nil) }
    }
}
