// Owns: which roles somebody has, and for which categories.

import EventModel
import EventWire

/// Categories, told apart by their bytes, in the order of these.
struct CategoryList: Hashable, Sendable {
    private(set) var names: [String]

    init(_ names: some Sequence<String>) {
        var sorted: [String] = []
        for name in names.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) })
        where sorted.last.map({ !$0.utf8.elementsEqual(name.utf8) }) ?? true {
            sorted.append(name)
        }
        self.names = sorted
    }

    func contains(_ category: String) -> Bool { names.contains { $0.utf8.elementsEqual(category.utf8) } }

    func contains(_ category: UnsafeRawBufferPointer) -> Bool {
        names.contains { $0.utf8.elementsEqual(category) }
    }

    /// `CATEGORY order or CATEGORY payment`; of many, the first.
    var words: String {
        let shown = names.prefix(8).map { "CATEGORY \($0)" }.joined(separator: " or ")
        return names.count > 8 ? "\(shown) or one of \(names.count - 8) more" : shown
    }
}

struct Permissions: Hashable, Sendable {
    private struct Limit: Hashable {
        let role: Role
        let categories: CategoryList
    }

    private(set) var granted: RoleSet = []
    /// Those of the granted that are limited to categories.
    private(set) var limited: RoleSet = []
    /// One for each role that is limited, in the order of the roles.
    private var limits: [Limit] = []

    static let none = Permissions()
    static let all = Permissions(granted: .all)

    private init(granted: RoleSet = []) { self.granted = granted }

    /// The roles that are had for every category.
    var unlimited: RoleSet { granted.subtracting(limited) }

    /// Nil where the role is not limited.
    func categories(of role: Role) -> CategoryList? { limits.first { $0.role == role }?.categories }

    /// Adds a role; for every category where none are given.
    mutating func grant(_ role: Role, _ categories: CategoryList? = nil) {
        let wasUnlimited = unlimited.contains(RoleSet(role))
        let before = self.categories(of: role)
        granted.insert(RoleSet(role))
        limits.removeAll { $0.role == role }
        limited.remove(RoleSet(role))
        guard !wasUnlimited, let categories else { return }
        limited.insert(RoleSet(role))
        limits.append(Limit(role: role, categories: CategoryList((before?.names ?? []) + categories.names)))
        limits.sort { RoleSet($0.role).rawValue < RoleSet($1.role).rawValue }
    }

    /// What either of the two allows.
    mutating func formUnion(_ other: Permissions) {
        for role in other.granted.roles { grant(role, other.categories(of: role)) }
    }

    /// What is left of it with no other roles than these.
    func restricted(to roles: RoleSet) -> Permissions {
        var rest = self
        rest.granted.formIntersection(roles)
        rest.limited.formIntersection(roles)
        rest.limits.removeAll { !roles.contains(RoleSet($0.role)) }
        return rest
    }
}
