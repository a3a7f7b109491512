package corpus

import (
	"bytes"
	"fmt"
	"slices"
)

// makeFamilies changes one good signature file at each place.
func (m *maker) makeFamilies() {
	whole := honest(m.alice)
	whole.unhashed = nil
	packet := whole.packet(m.document)
	base := Case{Name: "family-base", Class: "families", Expect: Accept, Signers: []*Key{m.alice}, Why: "the file that the families change",
		Source: "design", Document: m.document, Keys: []*Key{m.alice, m.bob, m.carol, m.dave}, Others: []*Key{m.mallory}, File: armoured(packet)}
	family := func(name, class string) *Family {
		m.families = append(m.families, Family{Name: name, Class: class, Base: base})
		return &m.families[len(m.families)-1]
	}
	put := func(f *Family, at int, expect Verdict, why string, file []byte) {
		c := base
		c.Name, c.Class, c.Expect, c.Why, c.File = fmt.Sprintf("%s-%d", f.Name, at), f.Class, expect, why, file
		if expect != Accept {
			c.Signers = nil
		}
		f.Variants = append(f.Variants, c)
	}

	flips := family("bit-flipped", "bit flips")
	fingerprint := m.alice.Fingerprint()
	first := 8 * bytes.Index(packet, fingerprint[:])
	for bit := range 8 * len(packet) {
		changed := slices.Clone(packet)
		changed[bit/8] ^= 0x80 >> (bit % 8)
		if bit >= first && bit < first+160 {
			put(flips, bit, Ignore, "another fingerprint names a key that nobody asked for", armoured(changed))
			continue
		}
		put(flips, bit, Refuse, "no bit of a signature is free to change", armoured(changed))
	}

	cuts := family("packet-cut", "truncation")
	for n := range packet {
		put(cuts, n, Refuse, "a packet is whole", armoured(packet[:n]))
	}
	bodies := family("body-cut", "truncation")
	body := packet[2:]
	for n := range body {
		put(bodies, n, Refuse, "a signature is whole, whatever length its header says", armoured(frame(tagSignature, body[:n])))
	}
	files := family("file-cut", "truncation")
	for n := range base.File {
		if n == len(base.File)-1 {
			put(files, n, Accept, "only the last line feed is gone", base.File[:n])
			continue
		}
		put(files, n, Refuse, "a file is whole", base.File[:n])
	}
	texts := family("armour-byte-changed", "armour flips")
	for i := range base.File {
		changed := slices.Clone(base.File)
		changed[i] ^= 0x01
		put(texts, i, Refuse, "no byte of the armour is free to change", changed)
	}
}
