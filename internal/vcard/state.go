package vcard

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A Store keeps a card's state between runs.
type Store interface {
	// Load gives the bytes last saved, or an error that wraps fs.ErrNotExist.
	Load() ([]byte, error)
	// Save returns after the bytes will survive a crash of the machine.
	Save([]byte) error
}

// A File is a Store in one file, readable by its owner alone, replaced whole by
// rename; the file and its directory are synchronised before Save returns.
type File string

// Load implements [Store].
func (f File) Load() ([]byte, error) { return os.ReadFile(string(f)) }

// Save implements [Store].
func (f File) Save(b []byte) error {
	dir := filepath.Dir(string(f))
	tmp, err := os.CreateTemp(dir, filepath.Base(string(f))+".*")
	if err != nil {
		return fmt.Errorf("saving the card's state: %w", err)
	}
	_, err = tmp.Write(b)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), string(f))
	}
	if err != nil {
		return fmt.Errorf("saving the card's state: %w", errors.Join(err, os.Remove(tmp.Name())))
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("saving the card's state: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("saving the card's state: %w", err)
	}
	return nil
}

// slotKey is a private key in a slot. It stands in the state in the clear: a
// virtual card protects nothing.
type slotKey struct {
	Algorithm   byte   `json:"algorithm"`
	PKCS8       []byte `json:"pkcs8"`
	PINPolicy   byte   `json:"pin_policy"`
	TouchPolicy byte   `json:"touch_policy"`
	Imported    bool   `json:"imported,omitempty"`
}

// counter is a PIN or PUK with its tries.
type counter struct {
	Value   string `json:"value"` // padded to eight bytes with 0xff
	Max     int    `json:"max"`
	Left    int    `json:"left"`
	Default bool   `json:"default"`
}

// state is everything that a card keeps without power.
type state struct {
	Warning       string             `json:"warning"`
	Serial        uint32             `json:"serial"`
	Firmware      [3]byte            `json:"firmware"`
	PIN           counter            `json:"pin"`
	PUK           counter            `json:"puk"`
	ManagementAlg byte               `json:"management_algorithm"`
	ManagementKey []byte             `json:"management_key"`
	ManagementOld bool               `json:"management_default"`
	Slots         map[string]slotKey `json:"slots"`
	Objects       map[string][]byte  `json:"objects"`
	Device        []byte             `json:"device_certificate"`
	DeviceKey     []byte             `json:"device_key"`
}

const stateWarning = "a rehearsal card: its private keys stand here in the clear"

func (s *state) format() ([]byte, error) {
	s.Warning = stateWarning
	return json.MarshalIndent(s, "", "  ")
}

func parseState(b []byte) (*state, error) {
	var s state
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("reading the card's state: %w", err)
	}
	if len(s.PIN.Value) == 0 || len(s.PUK.Value) == 0 || len(s.Device) == 0 {
		return nil, errors.New("reading the card's state: PIN, PUK or device certificate missing")
	}
	if s.Slots == nil {
		s.Slots = map[string]slotKey{}
	}
	if s.Objects == nil {
		s.Objects = map[string][]byte{}
	}
	return &s, nil
}

// memory is a Store for cards that need not outlive the program.
type memory struct{ b []byte }

func (m *memory) Load() ([]byte, error) {
	if m.b == nil {
		return nil, fs.ErrNotExist
	}
	return m.b, nil
}

func (m *memory) Save(b []byte) error {
	m.b = append([]byte(nil), b...)
	return nil
}
