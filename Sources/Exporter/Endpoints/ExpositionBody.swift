import EncryptedServing
import Hummingbird
import NIOCore

/// The body of a scrape's answer: made while it is sent.
struct ExpositionBody: Sendable {
    /// How many bytes are handed to a connection at once, and how many such buffers a scrape has, in turns, so that none is allocated
    /// anew: memory that comes from the system each time costs more than what is written into it.
    private static let bufferSize = 256 * 1024
    private static let buffers = 3
    /// The same for text that may have to be compressed first.
    private static let compressedBatchSize = 64 * 1024

    let sections: [ExpositionSection]
    let format: ExpositionFormat
    let isCompressed: Bool
    var limiter: SeriesLimiter?

    /// - Parameters:
    ///   - executor: of the connection.
    ///   - finished: called when the last byte was handed over.
    func response(on executor: EventLoopExecutor, finished: @escaping @Sendable () -> Void) -> ResponseBody {
        switch format {
        case .text, .openMetrics:
            let exposition = Exposition(sections, format: format, limiter: limiter)
            // Compressed, the size is known only when all is compressed; the first byte is not to wait for that.
            return body(size: isCompressed ? nil : exposition.size, executor, finished) { writer in
                if isCompressed {
                    try await compress(exposition, to: &writer)
                } else {
                    try await print(exposition, to: &writer)
                }
            }
        case .protobuf:
            let exposition = ProtobufExposition(sections, limiter: limiter)
            return body(size: nil, executor, finished) { writer in try await encode(exposition, to: &writer) }
        }
    }

    private func body(
        size: Int?, _ executor: EventLoopExecutor, _ finished: @escaping @Sendable () -> Void,
        _ write: @escaping @Sendable (inout any ResponseBodyWriter) async throws -> Void
    ) -> ResponseBody {
        ResponseBody(contentLength: size) { writer in
            try await withTaskExecutorPreference(executor) { try await write(&writer) }
            try await writer.finish(nil)
            finished()
        }
    }

    private func print(_ exposition: Exposition, to writer: inout any ResponseBodyWriter) async throws {
        var chunks = exposition.makeIterator()
        var buffers = Array(repeating: ByteBuffer(), count: Self.buffers)
        var turn = 0
        while chunks.print(into: &buffers[turn], room: Self.bufferSize) {
            try await writer.write(buffers[turn])
            turn = (turn + 1) % buffers.count
        }
    }

    private func compress(_ exposition: Exposition, to writer: inout any ResponseBodyWriter) async throws {
        let compressor = Compressor()
        var file = GzipFile()
        var chunks = exposition.makeIterator()
        try await writer.write(GzipFile.head)
        while case let batch = chunks.gzip(&file, compressor, bytes: Self.compressedBatchSize), !batch.isEmpty {
            try await writer.write(contentsOf: batch)
            // The thread's other connections are not to wait for all that has to be compressed.
            await Task.yield()
        }
        try await writer.write(file.tail)
    }

    private func encode(_ exposition: ProtobufExposition, to writer: inout any ResponseBodyWriter) async throws {
        let compressor = Compressor()
        var file = GzipFile()
        var families = exposition.makeIterator()
        if isCompressed { try await writer.write(GzipFile.head) }
        while let batch = families.next(bytes: Self.bufferSize) {
            try await writer.write(contentsOf: isCompressed ? batch.map { file.append(compressor.deflated($0)) } : batch)
            await Task.yield()
        }
        if isCompressed { try await writer.write(file.tail) }
    }
}
