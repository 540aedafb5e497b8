// Owns: telling the events that an import has added from those that the store had already.

import EventStoreClient

struct ImportTally {
    private(set) var added: UInt64 = 0
    private(set) var present: UInt64 = 0

    mutating func count(_ receipts: [AppendReceipt]) {
        for receipt in receipts {
            if receipt.existed { present += 1 } else { added += 1 }
        }
    }
}
