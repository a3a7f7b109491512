package client

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"sync"
)

// codedLimit is how long a body coded by gzip may be that decodes to at most
// limit bytes: no coder makes it longer, and an endless stream that decodes to
// nothing comes to an end.
func codedLimit(limit int64) int64 { return limit + limit/8 + 1024 }

// errBehind says that a coded body does not end where its one member does.
var errBehind = errors.New("something stands behind the end of the gzip member")

// A gunzipped body is one gzip member (RFC 1952) and nothing behind it.
type gunzipped struct {
	body  io.ReadCloser
	coded *bufio.Reader
	plain *gzip.Reader
}

// coders keeps what decoding needs: some 40 kB each.
var coders = sync.Pool{New: func() any { return &gunzipped{coded: bufio.NewReader(nil), plain: new(gzip.Reader)} }}

// gunzip returns the reader of what body decodes to. On an error body is
// closed.
func gunzip(body io.ReadCloser) (io.ReadCloser, error) {
	z := coders.Get().(*gunzipped)
	z.body = body
	z.coded.Reset(body)
	if err := z.plain.Reset(z.coded); err != nil {
		return nil, errors.Join(unexpected(err), z.Close())
	}
	z.plain.Multistream(false)
	return &once{z: z}, nil
}

// unexpected is for an end where more was wanted.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (z *gunzipped) Read(p []byte) (int, error) {
	n, err := z.plain.Read(p)
	if err != io.EOF {
		return n, err
	}
	switch _, err := z.coded.ReadByte(); err {
	case io.EOF:
		return n, io.EOF
	case nil:
		return n, errBehind
	default:
		return n, err
	}
}

func (z *gunzipped) Close() error {
	err := z.body.Close()
	z.body = nil
	coders.Put(z)
	return err
}

// A once is a gunzipped body until it is closed; then the coder is another's.
type once struct {
	mu sync.Mutex
	z  *gunzipped
}

func (o *once) Read(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.z == nil {
		return 0, errors.New("reading a body that is closed")
	}
	return o.z.Read(p)
}

func (o *once) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.z == nil {
		return nil
	}
	z := o.z
	o.z = nil
	return z.Close()
}
