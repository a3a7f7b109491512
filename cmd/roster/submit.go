package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/rootward/rootward/internal/command"
	"github.com/rootward/rootward/roster"
)

const (
	// submitTimeout is for the whole exchange; a signer may wait for Vault.
	submitTimeout = 2 * time.Minute
	maxAnswer     = 1 << 20
)

// A proposal is what the online signer takes.
type proposal struct {
	Document   []byte `json:"document"`
	Signatures []byte `json:"signatures"`
}

// An answer is what it says.
type answer struct {
	State   string   `json:"state"`
	Digest  string   `json:"digest"`
	Message string   `json:"message"`
	Notes   []string `json:"notes"`
	Hint    string   `json:"hint"`
}

// submit sends a signed document to the online signer and prints its answer.
func (p program) submit(c *cli.Context) error {
	to, err := submitURL(c.String("to"))
	if err != nil {
		return err
	}
	path := c.Args().First()
	s, err := readSigned(path, roster.MaxManifest)
	if err != nil {
		return err
	}
	if _, err := readDocument(s.Document); err != nil {
		return err
	}
	body, err := json.Marshal(proposal(s))
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(c.Context, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return command.Usagef("--to: the URL is malformed")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "rootward-roster/1")
	sender := &http.Client{Timeout: submitTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := sender.Do(req)
	if err != nil {
		if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
			err = wrapped.Err // without the URL, which may hold a password
		}
		return unanswered(path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return unanswered(path, err)
	}
	return p.printAnswer(path, resp.StatusCode, b)
}

func submitURL(to string) (string, error) {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", command.Usagef("--to is no http or https URL of an online signer")
	}
	return strings.TrimSuffix(u.String(), "/") + "/v1/documents", nil
}

// unanswered says that it is not known whether the signer took the document.
func unanswered(path string, err error) error {
	return &roster.Error{Layer: roster.LayerFile, Subject: fmt.Sprintf("%.200q", path), Problem: "the online signer did not answer", Err: err, Stale: true,
		Do: "submit it again later; to submit a document twice does no harm"}
}

func (p program) printAnswer(path string, status int, body []byte) error {
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		a = answer{Message: fmt.Sprintf("%.200q", body)}
	}
	switch {
	case status == http.StatusOK || status == http.StatusAccepted:
		for _, n := range a.Notes {
			p.say("note", "%s", n)
		}
		p.print("%s: %s", a.State, a.Message)
		p.print("%s", a.Digest)
		return nil
	case status >= 400 && status < 500:
		return &roster.Error{Layer: roster.LayerFile, Subject: fmt.Sprintf("%.200q", path), Problem: "the online signer refused it", Err: errors.New(a.Message), Do: a.Hint}
	}
	return unanswered(path, fmt.Errorf("answer %d: %s", status, a.Message))
}
