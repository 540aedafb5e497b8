// Owns: the process, before its first thread.

import ArgumentParser
import Glibc

@main
enum Main {
    static func main() async {
        // Dispatch asks for a thread above everybody else's priority. Who may not have one needs none, and its complaint of that
        // would stand in the journal at every start. Whoever wants to read what dispatch says sets the variable.
        setenv("LIBDISPATCH_LOG", "NO", 0)
        await Evstored.runProcess()
    }
}
