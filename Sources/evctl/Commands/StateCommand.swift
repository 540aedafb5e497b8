// Owns: `evctl state`: what an aggregate was at a moment.

import ArgumentParser
import EventModel
import EventStoreClient

struct StateCommand: Command {
    static let configuration = CommandConfiguration(
        commandName: "state",
        abstract: "Fold an aggregate's events with a reducer and print the state.",
        discussion: """
            Both axes compose: what the store knew by one moment about how things stood at another.
            An aggregate is identified by its category and its id together: order/42 is another thing than payment/42. An id \
            alone stands for that id in every category. Where an id has a slash in it, write /ID, or CATEGORY/ID.
            """
    )

    @OptionGroup(title: "Every command") var global: GlobalOptions
    @OptionGroup var moment: MomentOptions
    @OptionGroup var damage: DamageOptions

    @Argument(help: ArgumentHelp("Which thing: CATEGORY/ID, or an ID alone.", valueName: "aggregate"))
    var aggregate: String

    @Option(help: ArgumentHelp("The reducer to fold with.", valueName: "name"))
    var reducer: String

    func run(in invocation: Invocation) async throws {
        let (at, asOf) = try moment.values(global, invocation)
        let aggregate = try AggregateArgument(aggregate)
        let client = try await global.connect(invocation, moment.store)
        let json = try await client.state(
            of: aggregate.id,
            category: aggregate.category,
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
