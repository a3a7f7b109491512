package client

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rootward/rootward/internal/durable"
	"github.com/rootward/rootward/internal/pypi"
	"github.com/rootward/rootward/roster"
	"github.com/rootward/rootward/roster/digest"
)

// mostManifests is how many of one version are asked for ahead.
const mostManifests = 4

// An Authorised is a file that the policy accepts: its package, and the
// release that settles its bytes. Only [View.Authorise] makes one.
type Authorised struct {
	*Package
	Release *roster.Release
}

// Sentence says for people why the file is authorised.
func (a *Authorised) Sentence() string {
	r := a.Release
	s := r.File().Name + " is authorised"
	switch {
	case r.Unsigned():
		s += " by the index alone"
	case r.Inherited():
		s += fmt.Sprintf(" by maintainer list version %d, which inherits it", a.Standing.Version())
	default:
		s += fmt.Sprintf(" by %s, by maintainer list version %d", strings.Join(r.By(), " and "), a.Standing.Version())
	}
	s += "; " + a.Outcome.Sentence(a.Name)
	if a.Frozen() {
		s += "; " + Frozen.Sentence(a.Name)
	}
	if r.Yanked() {
		s += "; " + Yanked.Sentence(r.File().Name)
	}
	return s
}

// Authorise does steps 4 to 6 for one file of a package, but for the file's
// own bytes: see [View.Download] and [Authorised.CheckFile]. Everything is
// verified for this package, whatever was verified for another.
func (v *View) Authorise(ctx context.Context, pkg, file string) (*Authorised, error) {
	var a *Authorised
	err := v.locked(ctx, false, func() error {
		p, err := v.openPackage(ctx, pkg)
		if err != nil {
			return err
		}
		a, err = v.authorise(ctx, p, file)
		return err
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

func (v *View) authorise(ctx context.Context, p *Package, file string) (*Authorised, error) {
	var r *roster.Release
	var err error
	if p.Standing == nil {
		r, err = roster.Unsigned(p.Index, file)
	} else {
		v.askManifests(p.Standing.List, p.Index, file)
		r, err = p.Standing.Release(ctx, p.Index, file, v.must)
	}
	if err != nil {
		return nil, err
	}
	if r.Yanked() {
		if err := v.client.config.Accept.check(file, Yanked); err != nil {
			return nil, err
		}
	}
	a := &Authorised{p, r}
	l := r.Line()
	switch {
	case l.Kind == roster.LineManifest:
		why := fmt.Sprintf("line %d of the index names it; signed by %s, whom list version %d lets release", l.Number, strings.Join(r.By(), ", "), p.Standing.Version())
		if r.Inherited() {
			why = fmt.Sprintf("line %d of the index names it; list version %d inherits the line", l.Number, p.Standing.Version())
		}
		v.trace(roster.LayerManifest, p.Name+" "+r.Version(), l.Digest, why)
	default:
		v.trace(roster.LayerIndex, p.Name, p.Index.Digest(), fmt.Sprintf("line %d names the file itself, which was uploaded unsigned", l.Number))
	}
	v.trace(roster.LayerFile, file, r.File().SHA256, fmt.Sprintf("settled by that line: %d bytes with this SHA-256", r.File().Size))
	return a, nil
}

// askManifests asks for the first manifests of a file's version, with the
// signatures of those that the list does not inherit. Most versions have one.
func (v *View) askManifests(list *roster.List, x *roster.Index, file string) {
	name := list.Content().Package
	version, err := pypi.VersionOf(file, name)
	if err != nil {
		return
	}
	asked := 0
	for _, l := range x.Lines() {
		if l.Kind != roster.LineManifest || l.Version != version {
			continue
		}
		path := roster.ManifestPath(name, l.Digest)
		v.ask(path, roster.MaxManifest)
		if !list.Inherits(l) {
			v.ask(roster.SignaturePath(path), roster.MaxSignatureFile)
		}
		if asked++; asked == mostManifests {
			return
		}
	}
}

// CheckFile compares a file on this machine with the authorised one.
func (a *Authorised) CheckFile(path string) error {
	size, sum, err := SumFile(path)
	if err != nil {
		return err
	}
	return a.Release.Check(size, sum)
}

// SumFile returns the size in bytes and the SHA-256 of a file.
func SumFile(path string) (uint64, digest.Digest, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, digest.Digest{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return 0, digest.Digest{}, fmt.Errorf("reading %q: %w", path, err)
	}
	return uint64(n), digest.Digest(h.Sum(nil)), nil
}

// CheckPublished reads an authorised file from the source, keeps nothing, and
// compares it with what is authorised.
func (v *View) CheckPublished(ctx context.Context, a *Authorised) error {
	return v.withMirrors(func() error {
		h := sha256.New()
		n, err := v.copyFile(ctx, a.Release, h)
		if err != nil {
			return err
		}
		return a.Release.Check(uint64(n), digest.Digest(h.Sum(nil)))
	})
}

// Download writes an authorised file to out: to a temporary file beside it at
// first, which is given the name out only when its size and SHA-256 are the
// authorised ones, and is removed otherwise. It reports true, and asks
// nobody, if out is this very file already. Anything else at out is left as
// it is, and refused with a [*durable.ExistsError].
func (v *View) Download(ctx context.Context, a *Authorised, out string) (already bool, err error) {
	if _, err := os.Lstat(out); err == nil {
		if info, err := os.Stat(out); err == nil && info.Mode().IsRegular() && a.CheckFile(out) == nil {
			return true, nil
		}
		return false, &durable.ExistsError{Path: out}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	var tmp string
	err = v.withMirrors(func() (err error) {
		tmp, err = v.fetchFile(ctx, a.Release, out)
		return err
	})
	if err != nil {
		return false, err
	}
	defer os.Remove(tmp) // gone already, if it was renamed
	if err := publish(tmp, out); err != nil {
		return false, err
	}
	return false, durable.SyncDir(filepath.Dir(out))
}

// fetchFile downloads a file beside out, checks it and returns its name.
func (v *View) fetchFile(ctx context.Context, r *roster.Release, out string) (string, error) {
	f, err := createBeside(out)
	if err != nil {
		return "", fmt.Errorf("writing %q: %w", out, err)
	}
	h := sha256.New()
	n, err := v.copyFile(ctx, r, io.MultiWriter(f, h))
	if err == nil {
		err = r.Check(uint64(n), digest.Digest(h.Sum(nil)))
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// copyFile reads at most the authorised size.
func (v *View) copyFile(ctx context.Context, r *roster.Release, w io.Writer) (int64, error) {
	path := roster.FilePath(r.File().SHA256, r.File().Name)
	body, err := v.source().Open(ctx, path, int64(r.File().Size))
	if err != nil {
		return 0, required(path, err)
	}
	defer body.Close()
	to := &noted{to: w}
	n, err := io.Copy(to, body)
	if to.err != nil {
		return n, fmt.Errorf("writing file %q: %w", r.File().Name, to.err)
	}
	return n, required(path, err)
}

// noted remembers that it was the writing that failed, not the reading.
type noted struct {
	to  io.Writer
	err error
}

func (w *noted) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	w.err = err
	return n, err
}

func createBeside(out string) (*os.File, error) {
	dir, base := filepath.Split(out)
	if len(base) > 64 {
		base = base[:64]
	}
	for i := range 1000 {
		f, err := os.OpenFile(fmt.Sprintf("%s.tmp-%s-%d-%d", dir, base, os.Getpid(), i), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
	return nil, errors.New("too many temporary files beside it")
}

// publish gives tmp the name out, which nothing may have. Where there are no
// hard links, something that appears at out in the last moment is replaced.
func publish(tmp, out string) error {
	err := os.Link(tmp, out)
	switch {
	case err == nil:
		return os.Remove(tmp)
	case errors.Is(err, fs.ErrExist):
		return &durable.ExistsError{Path: out}
	}
	return os.Rename(tmp, out)
}
