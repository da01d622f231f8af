/// Doubly linked lists through the places of an array: any number of lists, a place in one of them at most. Appending and taking
/// out cost the same however long a list is.
struct PlaceLists {
    /// One list: its first and last place.
    struct Ends {
        fileprivate(set) var first: Int?
        fileprivate(set) var last: Int?
    }

    private struct Link {
        var previous: Int?
        var next: Int?
    }

    private var links: [Link] = []

    /// Makes room for a further place.
    mutating func addPlace() { links.append(Link()) }

    /// - Parameter place: in no list.
    mutating func append(_ place: Int, to list: inout Ends) {
        links[place] = Link(previous: list.last, next: nil)
        if let last = list.last { links[last].next = place } else { list.first = place }
        list.last = place
    }

    /// - Parameter place: in this list.
    mutating func remove(_ place: Int, from list: inout Ends) {
        let link = links[place]
        if let previous = link.previous { links[previous].next = link.next } else { list.first = link.next }
        if let next = link.next { links[next].previous = link.previous } else { list.last = link.previous }
        links[place] = Link()
    }
}
