package main

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/rootward/rootward/internal/command"
	"github.com/rootward/rootward/internal/pgp"
	"github.com/rootward/rootward/roster"
)

// pickKey reads "cert.asc[,FINGERPRINT]" and returns the key that it means: the
// one with the fingerprint, or else the only one of the certificate that may
// sign data, or the only one at all.
func pickKey(spec string) (*pgp.PublicKey, error) {
	path, fingerprint := spec, ""
	if i := strings.LastIndexByte(spec, ','); i >= 0 {
		if f := strings.ToLower(strings.ReplaceAll(spec[i+1:], " ", "")); len(f) == 40 {
			path, fingerprint = spec[:i], f
		}
	}
	cert, err := readFile(path, pgp.MaxCertificate)
	if err != nil {
		return nil, err
	}
	keys, err := pgp.KeysIn(cert)
	if err != nil {
		return nil, command.Usagef("reading certificate %q: %w", path, err)
	}
	if fingerprint != "" {
		keys = slices.DeleteFunc(keys, func(c pgp.Candidate) bool {
			f := c.Key.Fingerprint()
			return hex.EncodeToString(f[:]) != fingerprint
		})
		if len(keys) == 0 {
			return nil, command.Usagef("certificate %q has no key %s that can sign", path, strings.ToUpper(fingerprint))
		}
		return keys[0].Key, nil
	}
	if flagged := slices.DeleteFunc(slices.Clone(keys), func(c pgp.Candidate) bool { return !c.SignFlag }); len(flagged) > 0 {
		keys = flagged
	}
	if len(keys) > 1 {
		return nil, command.Usagef("certificate %q has %d keys that can sign; say which: %s", path, len(keys), choices(path, keys))
	}
	return keys[0].Key, nil
}

func choices(path string, keys []pgp.Candidate) string {
	var all []string
	for _, c := range keys {
		all = append(all, fmt.Sprintf("%s,%s", path, c.Key))
	}
	return strings.Join(all, " or ")
}

// maintainers reads "Name=cert.asc[,FINGERPRINT]", once for each key. A name
// that stands twice is one person with two keys.
func maintainers(specs []string) ([]roster.Maintainer, error) {
	var all []roster.Maintainer
	for _, spec := range specs {
		name, cert, ok := strings.Cut(spec, "=")
		if !ok {
			return nil, command.Usagef("--maintainer is %q; want Name=cert.asc or Name=cert.asc,FINGERPRINT", spec)
		}
		if err := roster.CheckName(name); err != nil {
			return nil, command.Usagef("--maintainer: %w", err)
		}
		k, err := pickKey(cert)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(all, func(m roster.Maintainer) bool { return m.Name == name })
		if i < 0 {
			i = len(all)
			all = append(all, roster.Maintainer{Name: name})
		}
		all[i].Keys = append(all[i].Keys, roster.Key{PublicKey: k})
	}
	return all, nil
}

// sayHowToSign prints the lines to run next. Each of the keys signs on its own
// machine; gpg's exclamation mark makes it use that very key.
func (p program) sayHowToSign(path string, keys []*pgp.PublicKey) {
	if len(keys) == 1 {
		p.print("gpg --local-user %s! --armor --detach-sign %s", keys[0], shellWord(path))
		return
	}
	p.say("note", "each on their own machine; then combine the files of those who have signed")
	var parts []string
	for _, k := range keys {
		part := fmt.Sprintf("%s.%s.asc", path, k)
		parts = append(parts, shellWord(part))
		p.print("gpg --local-user %s! --armor --output %s --detach-sign %s", k, shellWord(part), shellWord(path))
	}
	p.print("roster combine --out %s %s", shellWord(roster.SignaturePath(path)), strings.Join(parts, " "))
}

// shellWord quotes a word for a POSIX shell, if it needs it.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./+:@%,=", r)
	}
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
