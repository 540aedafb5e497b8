import Foundation
import Testing

@Suite("Documentation")
struct LinkTests {
    @Test("every relative link in a Markdown file leads to something")
    func links() {
        let pages = Repository.files.filter { $0.path.hasSuffix(".md") }
        #expect(pages.contains { $0.path == "README.md" })
        #expect(pages.flatMap(broken) == [])
        #expect(broken(TextFile(path: "README.md", text: "[here](Sources/Nowhere)")).count == 1)
    }

    private func broken(_ page: TextFile) -> [String] {
        let folder = Repository.top.appending(path: page.path).deletingLastPathComponent()
        return page.text.matches(of: /\]\(([^)#:\s]+)\)/).map { String($0.1) }.filter {
            !FileManager.default.fileExists(atPath: folder.appending(path: $0).path)
        }.map { "\(page.path): \($0) is not there" }
    }
}
