package main

import (
	"fmt"
	"regexp"
	"strings"
)

var spoken = regexp.MustCompile(`(?m)^(?:ceremony: note: )?((?:[A-Za-z]+ ){7}[A-Za-z]+)$`)

// wordOf finds the n-th of the words, read aloud, that were printed last: four
// lines of eight.
func wordOf(printed string, n int) (string, error) {
	lines := spoken.FindAllStringSubmatch(printed, -1)
	if len(lines) < 4 {
		return "", fmt.Errorf("no digest in words was shown")
	}
	var words []string
	for _, l := range lines[len(lines)-4:] {
		words = append(words, strings.Fields(l[1])...)
	}
	if n < 1 || n > len(words) {
		return "", fmt.Errorf("word %d of %d is asked for", n, len(words))
	}
	return words[n-1], nil
}

// saysLayer says whether a program's refusal names the layer.
func saysLayer(said, layer string) bool {
	return regexp.MustCompile(`(?m)(refused|stale): ` + regexp.QuoteMeta(layer) + `\b`).MatchString(said)
}
