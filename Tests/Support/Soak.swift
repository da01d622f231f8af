import Foundation

/// Whether tests that repeat something many times do so in full: `make soak` wants that, `make test` a short form of each.
package let isSoak = ProcessInfo.processInfo.environment["MIZZEN_SOAK"] != nil
