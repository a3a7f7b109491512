// Package conduct leads the room through a ceremony: the steps of package
// script, one after the other, with the people at a [Desk], their cards, and a
// record (package ceremony) in which every prompt and every answer stands.
//
// A ceremony may be left at any time: somebody types stop, the power fails, the
// program is killed, a disk is full. [Run] with the same plan goes on at the
// step that was not done. What it does not find out by the record it finds out
// by looking: a signature that is there is verified and kept, an output that is
// there is compared to the last byte. Clocks and machine are looked at again
// each time.
//
// An answer is asked for until it is one that the question allows, and only then
// is it kept in the transcript; of others stands there only that there was one,
// because people type secrets where they should not. Nothing has a way round:
// the way on from a card that does not work is another card first, a signature
// made elsewhere, or stop.
//
// Whoever is not in the room signs elsewhere: the run writes the draft to a file,
// and takes the signatures in from another (package bundle), in this sitting or
// in a later one.
//
// Entries of the transcript: "step" is the id of the step; the events are begun,
// asked, refused answer, exception, shown, done, elsewhere, collecting and
// stopped, those
// that package ceremony writes, and at the end sealed.
package conduct
