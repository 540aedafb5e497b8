// Owns: the words that generated events are made of.

enum Vocabulary {
    static let givenNames: [StaticString] = [
        "Alice", "Bruno", "Chiara", "Daan", "Elif", "Farid", "Greta", "Hugo", "Inès", "Jonas", "Katja", "Liam", "Marta",
        "Nils", "Olga", "Pavel", "Quentin", "Rosa", "Søren", "Tomás", "Ursula", "Vera", "Wei", "Yara", "Zoë",
    ]
    static let familyNames: [StaticString] = [
        "Andersen", "Bianchi", "Costa", "Dubois", "Eriksson", "Fischer", "García", "Horvat", "Ivanov", "Jansen",
        "Kowalski", "Lefèvre", "Müller", "Novak", "O'Brien", "Papadakis", "Rossi", "Silva", "Tanaka", "Weber",
    ]
    static let streets: [StaticString] = [
        "Linden Street", "Rue de la Gare", "Hafenstraße", "Via Roma", "Calle Mayor", "Station Road", "Kerkstraat",
        "Church Lane", "Rua Augusta", "Storgatan",
    ]
    static let cities: [StaticString] = [
        "Lyon", "Hamburg", "Bologna", "Sevilla", "Leeds", "Utrecht", "Porto", "Uppsala", "Gdańsk", "Graz", "Ghent",
        "Brno",
    ]
    static let countries: [StaticString] = ["FR", "DE", "IT", "ES", "GB", "NL", "PT", "SE", "PL", "AT", "BE", "CZ"]
    static let currencies: [StaticString] = ["EUR", "EUR", "EUR", "GBP", "SEK", "PLN", "CHF", "USD"]
    static let products: [StaticString] = [
        "oak chair", "desk lamp", "wool blanket", "steel kettle", "linen sheet", "garden hose", "book shelf", "tea set",
        "bread knife", "wall clock", "floor mat", "cork board", "bike pump", "rain coat",
    ]
    static let warehouses: [StaticString] = ["north-1", "north-2", "south-1", "east-1", "east-2", "west-1"]
    static let suppliers: [StaticString] = [
        "Holz & Söhne", "Atlas Trading", "Nordlys AB", "Fratelli Conti", "Baltic Goods",
    ]
    static let carriers: [StaticString] = ["DHL", "DPD", "PostNord", "UPS", "GLS"]
    static let agents: [StaticString] = [
        "Firefox/135 (Linux)", "Chrome/133 (Windows)", "Safari/18 (iOS)", "Chrome/133 (Android)", "evshop-app/4.2",
    ]
    static let methods: [StaticString] = ["card", "card", "card", "transfer", "wallet", "invoice"]
    static let declines: [StaticString] = ["insufficient_funds", "expired_card", "suspected_fraud", "issuer_timeout"]
    static let reasons: [StaticString] = ["changed_mind", "found_cheaper", "too_late", "damaged", "wrong_item"]
    static let languages: [StaticString] = ["en", "fr", "de", "it", "es", "nl", "pt", "sv"]
    /// What notes are made of, as people at a service desk write them; none has more than `longestSentence` bytes.
    static let sentences: [StaticString] = [
        "Please leave the parcel with the neighbour.",
        "Ring twice, the bell is weak.",
        "Customer asked for delivery on Friday.",
        "Call before delivery.",
        "Gift wrapping agreed by phone.",
        "The box was open on arrival.",
        "Second floor, no lift.",
        "Marked \\\"rush\\\" by the service desk.",
        "To be handed over at the café next door.",
        "Delivery date moved at the customer's wish.",
        "Checked by hand, nothing missing.",
        "Customer will collect it in person.",
        "Side door, after six in the evening.",
        "Confirmed by e-mail.",
        "Waiting for the supplier's answer.",
        "No signature needed.",
        "Address checked against the invoice.",
        "Packed together with an earlier order.",
        "Customer is a member since 2019.",
        "Returned to stock after inspection.",
        "Label printed twice by mistake.",
        "Forwarded to the night shift.",
        "Weight differs from the order, accepted.",
        "Voucher applied at checkout.",
        "Please do not bend.",
        "Counted twice.",
        "Handled by the new team in the east.",
        "Third reminder sent.",
        "Seen by a colleague.",
        "As agreed.",
    ]
    static let longestSentence = 48
}
