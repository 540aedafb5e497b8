// Owns: which of many things an event is about: a few are busy, most are not, as Zipf's law has it.

struct Popularity {
    /// A prime above any number of things, so that multiplying by it modulo their number is a permutation.
    private static let scatter: UInt64 = 4_294_967_311

    let things: UInt64

    init(things: UInt64) {
        precondition(things > 0 && things < 1 << 32, "a permutation needs fewer things than the prime")
        self.things = things
    }

    /// The number of a thing, below `things`. Each octave of ranks is equally likely and each rank of an octave too,
    /// which is Zipf's law in steps of two, in whole numbers.
    func next(_ random: inout SplitMix64) -> UInt64 {
        let octaves = UInt64(64 - things.leadingZeroBitCount)
        var rank: UInt64
        repeat {
            let octave = random.below(octaves)
            rank = 1 << octave + random.below(1 << octave) - 1
        } while rank >= things
        // The busy ones should not be the first in the alphabet.
        return (rank + 1) * Self.scatter % things
    }
}
