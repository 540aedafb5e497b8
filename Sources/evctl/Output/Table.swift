// Owns: rows in aligned columns under a heading.

import EventModel

struct Table {
    let lines: [ShownText]

    init(_ heading: [String], _ rows: [[String]]) {
        // As wide as they show.
        let rows = [heading] + rows.map { $0.map(\.visible) }
        let widths = heading.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        lines = rows.map { row in
            let cells = zip(row, widths).map { cell, width in
                cell + String(repeating: " ", count: width - cell.count)
            }
            let line = cells.joined(separator: "  ")
            return ShownText(line[..<(line.lastIndex { $0 != " " }.map(line.index(after:)) ?? line.startIndex)])
        }
    }

    func print(_ terminal: Terminal) throws {
        let output = StandardOutput()
        for (index, line) in lines.enumerated() {
            try output.print(line: index == 0 ? terminal.styled(line, .bold) : line)
        }
    }
}
