// Package world makes up a whole package index from a seed: its names, its
// people, its releases, and of the packages that somebody looks at the
// documents, made when they are asked for. The same seed and size give the
// same index, but for the bytes of ECDSA signatures.
package world

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
)

// The shape of an index: what is assumed of each package.
const (
	medianReleases = 12
	p99Releases    = 400
	maxReleases    = 3000
	p99            = 2.3263 // standard deviations
)

// A Member is one package of a made-up index.
type Member struct {
	Name        string
	Maintainers int // 1 to 3 in nine of ten, else 4 to 8
	Releases    int // when the root last anchored the index
}

// words are what names are made of; the first are much more frequent.
var words = []string{
	"py", "django", "data", "flask", "tools", "client", "api", "utils", "test", "ml", "async", "web", "sdk", "lib", "core", "bot",
	"odoo", "addon", "aws", "azure", "google", "cloud", "pytest", "sphinx", "json", "xml", "http", "sql", "graph", "image", "audio",
	"text", "nlp", "torch", "tensor", "deep", "learn", "stats", "plot", "geo", "bio", "chem", "physics", "quant", "trade", "crypto",
	"wallet", "mail", "sms", "chat", "gpt", "llm", "agent", "prompt", "vector", "cache", "queue", "task", "flow", "pipe", "stream",
	"kafka", "redis", "mongo", "postgres", "mysql", "lite", "orm", "admin", "auth", "token", "oauth", "login", "user", "form", "table",
	"grid", "chart", "dash", "jupyter", "notebook", "magic", "shell", "term", "color", "log", "trace", "metric", "monitor", "alert",
	"cron", "time", "date", "calendar", "zone", "math", "matrix", "solver", "optim", "genetic", "neural", "vision", "camera", "video",
	"media", "player", "game", "engine", "robot", "sensor", "serial", "usb", "gpio", "home", "smart", "light", "energy", "weather",
	"map", "route", "transit", "hotel", "shop", "pay", "bank", "tax", "invoice", "report", "pdf", "doc", "word", "excel", "csv",
	"parser", "lexer", "compiler", "lint", "format", "typing", "mypy", "schema", "model", "proto", "grpc", "rest", "soap", "socket",
	"proxy", "dns", "ssh", "ftp", "s3", "file", "path", "zip", "archive", "backup", "sync", "git", "docker", "kube", "helm", "terraform",
	"ansible", "deploy", "build", "release", "version", "config", "env", "secret", "vault", "key", "hash", "sign", "cert", "tls",
}

// Population makes up n packages. Their names are all different, in PEP 503's
// normal form and in no order.
func Population(seed uint64, n int) []Member {
	rng := rand.New(rand.NewPCG(seed, 0x726f6f74))
	members, taken := make([]Member, 0, n), make(map[string]bool, n)
	for len(members) < n {
		name := makeName(rng)
		for taken[name] {
			name += "-" + pickWord(rng)
			if len(name) > 40 {
				name = makeName(rng) + strconv.Itoa(rng.IntN(n))
			}
		}
		taken[name] = true
		members = append(members, Member{Name: name, Maintainers: people(rng), Releases: releases(rng)})
	}
	return members
}

func makeName(rng *rand.Rand) string {
	name := pickWord(rng)
	for more := 0.85; rng.Float64() < more; more *= 0.5 {
		if rng.Float64() < 0.75 {
			name += "-"
		}
		name += pickWord(rng)
	}
	if rng.Float64() < 0.06 {
		name += strconv.Itoa(rng.IntN(30))
	}
	return name
}

func pickWord(rng *rand.Rand) string {
	f := rng.Float64()
	return words[int(f*f*float64(len(words)))]
}

func people(rng *rand.Rand) int {
	switch p := rng.Float64(); {
	case p < 0.50:
		return 1
	case p < 0.75:
		return 2
	case p < 0.90:
		return 3
	}
	return 4 + rng.IntN(5)
}

// releases is log-normal, cut off at both ends.
func releases(rng *rand.Rand) int {
	sigma := math.Log(float64(p99Releases)/medianReleases) / p99
	return min(maxReleases, max(1, int(math.Round(medianReleases*math.Exp(sigma*rng.NormFloat64())))))
}

// version is the k-th release's number, in PEP 440's normal form.
func version(k int) string { return fmt.Sprintf("%d.%d.%d", k/100, k/10%10, k%10) }
