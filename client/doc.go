// Package client fetches what a repository publishes, verifies it from the
// pinned root roster down to one file, and remembers what verified.
//
// A [Client] works on a state directory, made by [Init] from the roster that
// the user pins, and reads a [Source]. [Client.Refresh] walks the rosters,
// asks for revocations and opens the newest snapshot; the [View] that it
// returns answers for packages and files: [View.Package], [View.Authorise],
// [View.Download]. What is refused leaves nothing behind.
//
// The directory's layout, each file exactly as it was received but for pin,
// lock and packages:
//
//	pin                              "rootward-state/v1 <repository> <version> <digest>"
//	lock                             held while a program reads and writes here
//	root/<n>.json(.asc)              the pinned roster and those walked since
//	earlier/<n>.json(.asc)           rosters before the pinned one, named by a revocation
//	revocations/<key>.json(.asc)     of online keys; never removed
//	key-revocations/<d>.json(.asc)   of maintainers' keys; never removed
//	snapshots/<f>/<n>-<d>.json(.asc) the remembered snapshot
//	packages/<h>                     what is remembered of one package: a line of JSON, and what it
//	                                 names: the release index, the lists from the anchored one or
//	                                 version 1 on, and their signatures
//	map-cache                        the map's files, one behind the other; may be removed
//
// h is the SHA-256 of the package's name, so that no name from outside reaches
// the file system; d is a document's digest. f is the version of the roster
// that last changed snapshot_floor (the pinned one's version if none did): the
// snapshot, and in a package's line what only the online keys vouched for,
// bind only under the floor under which they were remembered.
//
// A document is written after its signatures, and a package's file whole, each
// in one step: so a program that is killed leaves a state that was true a
// moment ago. What verified of a package is written at once when its verdict
// is known, or before a key revocation that came with it. At every start the rosters and revocations are
// verified anew from the pin. The package trusts the directory for one thing
// only: that what it remembers is not removed. A file that is damaged is a
// [*StateError], a fault; symbolic links are not followed.
//
// Errors are [*roster.Error] (refused, or freshness not established), or
// faults. Nothing here reads a clock, but time-outs of the network.
package client
