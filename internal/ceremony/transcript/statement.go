package transcript

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/internal/words"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// Limits on a statement, in bytes.
const (
	MaxStatement = 16 << 10
	MaxReason    = 2000
)

const (
	statementTitle = "ROOTWARD WITNESS STATEMENT v1"
	agreeing       = "AGREE"
	disagreeing    = "I DISAGREE"
)

// A Statement is what a witness says of a ceremony whose transcript is sealed.
// Its text is signed at home or in the room with the witness's own OpenPGP key,
// by gpg --armor --detach-sign or the like.
//
// The text is for people and has one encoding, which names its kind in its first
// line: no signature over it can pass for one over anything else.
type Statement struct {
	Repository string
	Ceremony   string
	Version    uint64        // of the roster that the ceremony made; 0 where it made none
	Roster     digest.Digest // zero where it made none
	Transcript digest.Digest // the head of the sealed transcript
	Witness    string
	Objection  string // why the witness disagrees; "" is agreement
}

// Agrees reports whether the witness agrees.
func (s Statement) Agrees() bool { return s.Objection == "" }

// Verdict is AGREE, or I DISAGREE with the reason.
func (s Statement) Verdict() string {
	if s.Agrees() {
		return agreeing
	}
	return disagreeing + ": " + strconv.Quote(s.Objection)
}

// Format gives the text that is signed.
func (s Statement) Format() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	made := "none"
	if s.Version > 0 {
		made = fmt.Sprintf("%d, SHA-256 %s", s.Version, s.Roster)
	}
	var b strings.Builder
	line := func(name, value string) { fmt.Fprintf(&b, "%-13s%s\n", name+":", value) }
	fmt.Fprintf(&b, "%s\n\n", statementTitle)
	line("Repository", s.Repository)
	line("Ceremony", strconv.Quote(s.Ceremony))
	line("Root roster", made)
	line("Transcript", "SHA-256 "+s.Transcript.String())
	line("Witness", strconv.Quote(s.Witness))
	line("Verdict", s.Verdict())
	fmt.Fprintf(&b, "\nThe transcript's digest in words:\n\n%s\n", strings.TrimRight(words.Format(s.Transcript[:]), "\n"))
	if s.Agrees() {
		fmt.Fprintf(&b, "\nI followed this ceremony. The digest above is that of its transcript as it was\nread to me when it was sealed, and what the transcript says is what I saw.\n")
	} else {
		fmt.Fprintf(&b, "\nI followed this ceremony and do not agree with it, for the reason above. The\ntranscript with this digest should not be relied on before that is answered.\n")
	}
	return []byte(b.String()), nil
}

func (s Statement) check() error {
	if err := roster.CheckRepository(s.Repository); err != nil {
		return err
	}
	if err := roster.CheckName(s.Ceremony); err != nil {
		return fmt.Errorf("ceremony: %w", err)
	}
	if err := roster.CheckName(s.Witness); err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	switch {
	case s.Transcript.IsZero():
		return errors.New("a statement wants the digest of the sealed transcript")
	case (s.Version == 0) != s.Roster.IsZero():
		return errors.New("a statement wants version and digest of the roster, or neither")
	case len(s.Objection) > MaxReason:
		return fmt.Errorf("the reason has %d bytes, wanted at most %d", len(s.Objection), MaxReason)
	case s.Objection != strings.TrimSpace(s.Objection) || strings.ToValidUTF8(s.Objection, "") != s.Objection:
		return errors.New("the reason is not a line of UTF-8 without spaces at its ends")
	}
	return nil
}

// ErrStatement means that bytes are not a witness's statement.
var ErrStatement = errors.New("not a witness's statement")

// ParseStatement reads what Format wrote, and nothing else: one changed byte is
// refused. The error wraps [ErrStatement].
func ParseStatement(text []byte) (Statement, error) {
	s, err := parseStatement(text)
	if err != nil {
		return Statement{}, fmt.Errorf("%w: %w", ErrStatement, err)
	}
	return s, nil
}

func parseStatement(text []byte) (s Statement, err error) {
	if len(text) > MaxStatement {
		return s, fmt.Errorf("it has %d bytes, wanted at most %d", len(text), MaxStatement)
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) < 9 || lines[0] != statementTitle {
		return s, fmt.Errorf("it does not begin with %q", statementTitle)
	}
	fields := make([]string, 6)
	for i := range fields {
		_, value, ok := strings.Cut(lines[2+i], ":")
		if !ok {
			return s, fmt.Errorf("line %d has no colon", 3+i)
		}
		fields[i] = strings.TrimSpace(value)
	}
	if err := s.take(fields); err != nil {
		return s, err
	}
	again, err := s.Format()
	if err != nil {
		return s, err
	}
	if string(again) != string(text) {
		return s, errors.New("it was changed: it does not print back to the same bytes (line ends count)")
	}
	return s, nil
}

// take reads the values of the lines.
func (s *Statement) take(fields []string) (err error) {
	s.Repository = fields[0]
	if s.Ceremony, err = strconv.Unquote(fields[1]); err != nil {
		return fmt.Errorf("ceremony: %w", err)
	}
	if fields[2] != "none" {
		version, sum, _ := strings.Cut(fields[2], ", SHA-256 ")
		if s.Version, err = strconv.ParseUint(version, 10, 64); err != nil {
			return fmt.Errorf("root roster: %w", err)
		}
		if s.Roster, err = digest.Parse(sum); err != nil {
			return fmt.Errorf("root roster: %w", err)
		}
	}
	if s.Transcript, err = digest.Parse(strings.TrimPrefix(fields[3], "SHA-256 ")); err != nil {
		return fmt.Errorf("transcript: %w", err)
	}
	if s.Witness, err = strconv.Unquote(fields[4]); err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	if quoted, no := strings.CutPrefix(fields[5], disagreeing+": "); no {
		if s.Objection, err = strconv.Unquote(quoted); err != nil {
			return fmt.Errorf("verdict: %w", err)
		}
	}
	return nil
}

// VerifyStatement checks the witness's signature over the statement's exact
// bytes, with the keys in the witness's OpenPGP certificate, and returns the key
// that made it. The signature file is one as Rootward takes it everywhere (see
// package pgp), with one signature by a key of the certificate.
//
// What the certificate says of itself is not looked at: neither expiry nor
// revocation, nor whose it is. The plan pins it, and people know whose it is.
func VerifyStatement(text, signature, certificate []byte) (*pgp.PublicKey, error) {
	candidates, err := pgp.KeysIn(certificate)
	if err != nil {
		return nil, fmt.Errorf("reading the witness's certificate: %w", err)
	}
	file, err := pgp.ParseSignatures(signature)
	if err != nil {
		return nil, fmt.Errorf("reading the witness's signature: %w", err)
	}
	keys := make([]*pgp.PublicKey, len(candidates))
	for i, c := range candidates {
		keys[i] = c.Key
	}
	signed, err := file.Verify(text, keys)
	if err != nil {
		return nil, fmt.Errorf("verifying the witness's signature: %w", err)
	}
	if len(signed) != 1 || file.Len() != 1 {
		return nil, fmt.Errorf("the file holds %d signatures, of which %d by keys of the witness's certificate, wanted one by one of them", file.Len(), len(signed))
	}
	for _, k := range keys {
		if k.ID() == signed[0] {
			return k, nil
		}
	}
	return nil, errors.New("the signature is by no key of the certificate")
}
