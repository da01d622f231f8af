package import Hummingbird
import Logging
package import NIOCore

/// Runs a task's jobs on the thread of an event loop.
///
/// An answer that is written by a task of Swift's own threads crosses to the connection's thread with each piece, and runs ahead of it:
/// measured, that cost a scrape of the exporter as much again as all else together, most of it for memory that the pieces on their way took.
package final class EventLoopExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    package init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        // Safe: each job is handed over once and run once.
        eventLoop.execute { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// What a request needs to know of its connection, where its answer is written on the connection's thread.
package struct EventLoopRequestContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    package let executor: EventLoopExecutor

    package init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        executor = EventLoopExecutor(source.channel.eventLoop)
    }
}
