// Owns: `evctl state`: what an aggregate was at a moment.

import ArgumentParser
import EventModel
import EventStoreClient

struct StateCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "state",
        abstract: "Fold an aggregate's events with a reducer and print the state.",
        discussion: "Both axes compose: what the store knew by one moment about how things stood at another."
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions
    @OptionGroup var moment: MomentOptions
    @OptionGroup var damage: DamageOptions

    @Argument(help: "Which thing.")
    var aggregate: String

    @Option(help: ArgumentHelp("The reducer to fold with.", valueName: "name"))
    var reducer: String

    func run(in invocation: Invocation) async throws {
        let (at, asOf) = try moment.values(global, invocation)
        let client = try await global.connect(invocation)
        let json = try await client.state(
            of: aggregate,
            reducer: reducer,
            at: at,
            asOf: asOf,
            skippingDamage: damage.skipDamage
        )
        await client.close()
        try global.print(json: json, in: invocation)
        try global.noteLacking(in: json, invocation)
    }
}
