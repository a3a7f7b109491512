package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"
)

// Listen opens the operator's socket at path, with mode 0600 from the first
// moment. One that a dead process left is removed; one that answers is an
// error. Call it before other goroutines make files, because the process's
// umask changes for a moment.
func Listen(path string) (net.Listener, error) {
	info, err := os.Lstat(path)
	switch {
	case err == nil && info.Mode().Type() != os.ModeSocket:
		return nil, fmt.Errorf("opening the admin socket: %q is there and is no socket; move it away", path)
	case err == nil:
		if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
			conn.Close()
			return nil, fmt.Errorf("opening the admin socket: another signer answers at %q; stop it first", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("opening the admin socket: %w", err)
		}
	}
	old := syscall.Umask(0o177)
	l, err := net.Listen("unix", path)
	syscall.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("opening the admin socket: %w", err)
	}
	return l, nil
}

// How long an answer may take. An adoption of a large index takes its time.
const (
	PublicPatience   = 30 * time.Second
	OperatorPatience = 10 * time.Minute
)

// Serve serves a handler on a listener until ctx ends, and then lets requests
// that have begun come to their end, for at most five seconds. It returns nil
// if that was how it ended. No answer may take longer than patience.
func Serve(ctx context.Context, l net.Listener, h http.Handler, patience time.Duration, log *slog.Logger) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      patience,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		stopped <- server.Shutdown(grace)
	})
	err := server.Serve(l)
	if stop() { // ctx has not ended: the server itself did
		return fmt.Errorf("serving on %s: %w", l.Addr(), err)
	}
	if err := <-stopped; err != nil && !errors.Is(err, http.ErrServerClosed) {
		return errors.Join(fmt.Errorf("stopping the server on %s: %w", l.Addr(), err), server.Close())
	}
	return nil
}
