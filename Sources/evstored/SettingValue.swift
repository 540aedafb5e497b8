// Owns: what of a YAML node a setting can take.

import Yams

extension Setting.Value {
    init(_ node: Node) {
        switch node {
        case .scalar(let scalar): self = node.null == nil ? .text(scalar.string) : .null
        case .sequence(let sequence):
            let names = sequence.map { $0.null == nil ? $0.scalar?.string : nil }
            self = names.contains(nil) ? .other : .list(names.compactMap(\.self))
        default: self = .other
        }
    }
}
