package plan

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/rootward/rootward/hsm"
	"github.com/rootward/rootward/roster"
)

var sprint = fmt.Sprintf

// An Error is a plan that is refused as it is read. Its text names the line.
type Error struct{ Err error }

func (e *Error) Error() string { return "plan: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ExitCode is 3: the file was understood to be a plan, and is refused.
func (e *Error) ExitCode() int { return 3 }

// Hint says what to do next.
func (e *Error) Hint() string {
	return "correct the plan and have it reviewed again; nothing was done"
}

// Parse reads a plan and puts defaults where optional fields were left out.
// The error is an [*Error].
func Parse(b []byte) (*Plan, error) {
	p, err := parse(b)
	if err != nil {
		return nil, &Error{err}
	}
	return p, nil
}

func parse(b []byte) (*Plan, error) {
	if len(b) > MaxPlan {
		return nil, fmt.Errorf("%d bytes, wanted at most %d", len(b), MaxPlan)
	}
	dec := yaml.NewDecoder(bytes.NewReader(b))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the file is empty")
		}
		return nil, plain(err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("the file holds a second document, wanted one")
	}
	if err := blanks(&doc); err != nil {
		return nil, err
	}
	if err := strict(doc.Content[0], reflect.TypeFor[Plan]()); err != nil {
		return nil, err
	}
	var p Plan
	if err := doc.Decode(&p); err != nil {
		return nil, plain(err)
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	if err := p.ofFamily(doc.Content[0]); err != nil {
		return nil, err
	}
	p.fill()
	return &p, nil
}

// blanks refuses a template that was not filled in, and names each place.
func blanks(doc *yaml.Node) error {
	var found []string
	var walk func(*yaml.Node)
	walk = func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, Blank) {
			found = append(found, fmt.Sprintf("line %d: %s", n.Line, n.Value))
		}
		for _, c := range n.Content { // aliases are not followed
			walk(c)
		}
	}
	walk(doc)
	if len(found) == 0 {
		return nil
	}
	return fmt.Errorf("%d values are to be filled in:\n  %s", len(found), strings.Join(found, "\n  "))
}

// plain takes the library's name out of its messages.
func plain(err error) error {
	var t *yaml.TypeError
	if errors.As(err, &t) {
		return errors.New(strings.Join(t.Errors, "; "))
	}
	return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
}

// strict walks the file beside the type it is to fill, and refuses what the
// library would forgive: keys that the type does not have or that stand twice,
// aliases, and values of another kind.
func strict(n *yaml.Node, t reflect.Type) error {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return fmt.Errorf("line %d: anchors and aliases are not read here, wanted the value itself", n.Line)
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[Anchor]() {
		if n.Kind == yaml.ScalarNode {
			return nil
		}
		t = reflect.TypeFor[NewAnchor]()
	}
	switch {
	case t.Kind() == reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			return fmt.Errorf("line %d: wanted a list", n.Line)
		}
		for _, item := range n.Content {
			if err := strict(item, t.Elem()); err != nil {
				return err
			}
		}
	case isText(t) || t.Kind() != reflect.Struct:
		if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
			return fmt.Errorf("line %d: wanted one value", n.Line)
		}
	default:
		return strictFields(n, t)
	}
	return nil
}

func strictFields(n *yaml.Node, t reflect.Type) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: wanted keys and values", n.Line)
	}
	fields := make(map[string]reflect.Type)
	var names []string
	for i := range t.NumField() {
		name := t.Field(i).Tag.Get("yaml")
		fields[name] = t.Field(i).Type
		names = append(names, name)
	}
	seen := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		field, ok := fields[key.Value]
		if !ok || key.Kind != yaml.ScalarNode {
			return fmt.Errorf("line %d: unknown key %q, wanted one of: %s", key.Line, key.Value, strings.Join(names, ", "))
		}
		if first, ok := seen[key.Value]; ok {
			return fmt.Errorf("line %d: key %q stands in line %d already", key.Line, key.Value, first)
		}
		seen[key.Value] = key.Line
		if err := strict(value, field); err != nil {
			return fmt.Errorf("%s: %w", key.Value, err)
		}
	}
	return nil
}

func isText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) ||
		reflect.PointerTo(t).Implements(reflect.TypeFor[yaml.Unmarshaler]())
}

// UnmarshalYAML reads the word empty or keep, or a new anchor.
func (a *Anchor) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.MappingNode {
		a.New = new(NewAnchor)
		return n.Decode(a.New)
	}
	if n.Value != AnchorEmpty && n.Value != AnchorKeep {
		return fmt.Errorf("line %d: anchor is %q, wanted %q, %q or kept_snapshot and repository", n.Line, n.Value, AnchorEmpty, AnchorKeep)
	}
	a.Fixed = n.Value
	return nil
}

// UnmarshalYAML reads the one spelling of a time.
func (t *Time) UnmarshalYAML(n *yaml.Node) error { return atLine(n, &t.Time) }

// UnmarshalYAML reads 64 hex digits.
func (d *Digest) UnmarshalYAML(n *yaml.Node) error { return atLine(n, &d.Digest) }

func atLine(n *yaml.Node, v encoding.TextUnmarshaler) error {
	if err := v.UnmarshalText([]byte(n.Value)); err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	return nil
}

// UnmarshalYAML reads a duration, which is never negative.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := time.ParseDuration(n.Value)
	if err != nil || v < 0 || v%time.Second != 0 {
		return fmt.Errorf("line %d: duration is %q, wanted whole seconds such as 24h or 90m", n.Line, n.Value)
	}
	*d = Duration{Set: true, D: v}
	return nil
}

// UnmarshalYAML reads three numbers with points between them.
func (f *Firmware) UnmarshalYAML(n *yaml.Node) error {
	var v [3]uint8
	parts := strings.Split(n.Value, ".")
	ok := len(parts) == 3
	for i := 0; ok && i < 3; i++ {
		u, err := strconv.ParseUint(parts[i], 10, 8)
		v[i], ok = uint8(u), err == nil
	}
	if !ok {
		return fmt.Errorf("line %d: firmware is %q, wanted three numbers such as %s", n.Line, n.Value, DefaultFirmware)
	}
	*f = Firmware{Set: true, Firmware: hsm.Firmware{Major: v[0], Minor: v[1], Patch: v[2]}}
	return nil
}

var ceremonyName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,63}$`)

// check refuses what no plan can mean. What a plan should not mean is for the
// ceremony's checks.
func (p *Plan) check() error {
	if !ceremonyName.MatchString(p.Ceremony) {
		return fmt.Errorf("ceremony is %q, wanted a name of lower-case letters, digits, '-' and '.', such as 2026-11-first", p.Ceremony)
	}
	if err := CheckActs(p.Acts); err != nil {
		return err
	}
	if err := roster.CheckRepository(p.Repository); err != nil {
		return err
	}
	if err := p.common(); err != nil {
		return err
	}
	switch p.Family() {
	case SealedFamily:
		return p.missingSealed()
	case DraftFamily:
		return p.missingDraft()
	}
	if err := p.missing(); err != nil {
		return err
	}
	known := []hsm.Algorithm{hsm.P384, hsm.P256, hsm.RSA3072, hsm.RSA4096}
	for _, a := range p.Algorithms {
		if !slices.Contains(known, a) {
			return fmt.Errorf("algorithms has %q, wanted some of %v", a, known)
		}
	}
	return nil
}

// common looks at what plans of every family have.
func (p *Plan) common() error {
	for i, w := range p.Roles.Witnesses {
		if w.Name == "" {
			return fmt.Errorf("roles.witnesses %d wants name", i+1)
		}
		if w.Certificate == "" && !w.SHA256.IsZero() {
			return fmt.Errorf("roles.witnesses %d has sha256 without certificate", i+1)
		}
	}
	for i, s := range p.SwitchedOff {
		if s.Check == "" || s.Reason == "" || s.ApprovedBy == "" {
			return fmt.Errorf("switched_off %d wants check, reason and approved_by", i+1)
		}
	}
	return nil
}

func (p *Plan) missingSealed() error {
	s := p.Sealed
	if s == nil || s.Directory == "" || s.Reason == "" {
		return errors.New("sealed wants directory and reason")
	}
	if p.Outputs.Record == "" || p.Does(OpenRevocations) != (p.Outputs.Published != "") {
		return errors.New("outputs wants record, and published to open revocations alone")
	}
	if opens := p.Does(OpenRevocations); opens != (len(s.Open) > 0) {
		return fmt.Errorf("sealed.open has %d keys, wanted at least one to open, and none to destroy", len(s.Open))
	}
	return p.missingPrevious()
}

func (p *Plan) missingDraft() error {
	if a := p.Abandon; a == nil || a.Record == "" || a.Draft.IsZero() || a.Reason == "" {
		return errors.New("abandon wants record, draft and reason")
	}
	return nil
}

func (p *Plan) missingPrevious() error {
	if p.Previous.Directory == "" || p.Previous.Pin.IsZero() {
		return errors.New("previous wants directory and pin: the chain of rosters, and the digest of the first from another source than that chain")
	}
	return nil
}

// families says which keys a plan of each family may have, where not all.
var families = map[Family][]string{
	SealedFamily: {"ceremony", "acts", "repository", "program", "roles", "outputs", "previous", "switched_off", "policy", "sealed"},
	DraftFamily:  {"ceremony", "acts", "repository", "program", "roles", "outputs", "switched_off", "policy", "abandon"},
}

// ofFamily refuses keys that say nothing in a plan of this family.
func (p *Plan) ofFamily(doc *yaml.Node) error {
	for i := 0; i < len(doc.Content); i += 2 {
		key := doc.Content[i]
		allowed, narrow := families[p.Family()]
		if narrow && !slices.Contains(allowed, key.Value) {
			return fmt.Errorf("line %d: key %q has no place in a plan of act %s, wanted some of: %s", key.Line, key.Value, p.Acts[0], strings.Join(allowed, ", "))
		}
		if !narrow && (key.Value == "sealed" || key.Value == "abandon") {
			return fmt.Errorf("line %d: key %q has no place in a plan that makes a roster", key.Line, key.Value)
		}
	}
	return nil
}

// missing names the first thing that was left out and has no default.
func (p *Plan) missing() error {
	wanted := []struct {
		name string
		is   bool
	}{
		{"roster.version", p.Roster.Version > 0},
		{"roster.issued", !p.Roster.Issued.IsZero()},
		{"roster.expires", !p.Roster.Expires.IsZero()},
		{"roster.threshold", p.Roster.Threshold > 0},
		{"roster.snapshot_lifetime", p.Roster.SnapshotLifetime.D > 0},
		{"keyholders", len(p.Keyholders) > 0},
		{"anchor", p.Anchor.Fixed != "" || p.Anchor.New != nil},
	}
	online := []*OnlineKeys{&p.OnlineKeys}
	if p.StandbyKeys != nil {
		online = append(online, p.StandbyKeys)
	}
	for _, o := range online {
		if (o.File == "") == (len(o.Keep) == 0) || o.NotBefore.IsZero() || o.Expires.IsZero() {
			return errors.New("online_keys and standby_keys want file or keep, not_before and expires")
		}
		if len(o.Keep) > 0 && !o.SHA256.IsZero() {
			return errors.New("online_keys and standby_keys take sha256 with file only")
		}
	}
	for _, w := range wanted {
		if !w.is {
			return fmt.Errorf("%s is missing", w.name)
		}
	}
	for i, k := range slices.Concat(p.Keyholders, p.Outgoing) {
		if k.Name == "" || k.Card == 0 || k.Enrolment == "" {
			return fmt.Errorf("keyholder %d wants name, card and enrolment", i+1)
		}
	}
	for i, r := range p.Revoke {
		if r.Key == "" || r.Reason == "" || r.At.IsZero() {
			return fmt.Errorf("revoke %d wants key, reason and at", i+1)
		}
	}
	if !p.Does(Genesis) {
		if err := p.missingPrevious(); err != nil {
			return err
		}
	}
	if n := p.Anchor.New; n != nil && (n.KeptSnapshot == "" || n.Repository == "" || !n.WaitingPeriod.Set) {
		return errors.New("anchor wants kept_snapshot, repository and waiting_period")
	}
	return nil
}
