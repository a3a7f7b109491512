// Package status says how a root stands: how long it still counts, who can lose
// a card before nobody can renew it, and what its people have to do next.
//
// All of it follows from the verified rosters, the cards' attestations and the
// opened revocations beside them, the time, and who is said to be away. [Of] is
// pure; [ReadCards] and [Opened] read what it is given. Whether an envelope is
// where it belongs, or a card still works, no program can know: it says what
// should be.
package status
