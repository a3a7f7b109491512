// Package ceremony conducts what the keyholders of a root do together: it
// enrols cards, drafts a root roster from a plan, shows it, has it signed card
// by card, combines the signatures, and keeps the record of all that.
//
// One plan goes in (package plan); it alone decides what is signed. From it come
// the checks ([Checks]), the draft, the sentences that people hear before they
// sign (package change), and the record: a folder with everything that went in
// and came out, and a transcript that only grows (package transcript).
//
// The steps, in order, each of which can be repeated after an interruption:
//
//	Enrol      a card gets its secrets and its key      once for a card
//	Load       a plan and all that it names are read    changes nothing
//	Build      every check has its say; the draft is    changes nothing
//	           made, and verified whole with throw-
//	           away keys in the place of cards
//	NewRecord  the record begins                        once; again after Abandon
//	Draft      draft and inputs go into the record      once; again after Abandon
//	Sign       one card signs each document             resumes: signed files stay
//	Combine    production verification, output          once for an output folder
//	Abandon    draft and signatures are destroyed       once for a draft
//
// Package script has the whole of a ceremony as a list of steps, and package
// conduct leads people through it; the commands make the same steps one by one,
// for people who are not in one room.
//
// The package never reads a clock or makes randomness, knows no terminal but a
// [Desk] and no card but a [Card], and links no network.
package ceremony
