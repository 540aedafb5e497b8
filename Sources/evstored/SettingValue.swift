// Owns: what of a YAML node a setting can take.

import Yams

extension Setting.Value {
    init(_ node: Node) {
        switch node {
        case .scalar(let scalar): self = .text(scalar.string)
        case .sequence(let sequence):
            let names = sequence.map(\.scalar?.string)
            self = names.contains(nil) ? .other : .list(names.compactMap(\.self))
        default: self = .other
        }
    }
}
