package bundle

import (
	"fmt"
	"strconv"
	"strings"
)

// blockSize is what everything in a tar archive is a multiple of.
const blockSize = 512

func padding(size uint64) uint64 { return -size % blockSize }

// Where the fields of a ustar header stand (POSIX.1-1988, "ustar Interchange
// Format").
const (
	atName, nameSize     = 0, 100
	atMode               = 100
	atUID                = 108
	atGID                = 116
	atSize, sizeSize     = 124, 12
	atTime               = 136
	atChecksum           = 148
	atType               = 156
	atMagic              = 257
	atDevMajor           = 329
	atDevMinor           = 337
	atPrefix, prefixSize = 345, 155
)

// header is the one header that a file of this path and size has.
func header(path string, size uint64) (h [blockSize]byte, err error) {
	prefix, name, ok := splitPath(path)
	if !ok {
		return h, fmt.Errorf("path %q is too long for a tar archive", path)
	}
	put := func(at int, s string) { copy(h[at:], s) }
	put(atName, name)
	put(atMode, "0000644\x00")
	put(atUID, "0000000\x00")
	put(atGID, "0000000\x00")
	put(atSize, fmt.Sprintf("%011o\x00", size))
	put(atTime, "00000000000\x00")
	put(atChecksum, "        ")
	put(atType, "0")
	put(atMagic, "ustar\x0000")
	put(atDevMajor, "0000000\x00")
	put(atDevMinor, "0000000\x00")
	put(atPrefix, prefix)
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	put(atChecksum, fmt.Sprintf("%06o\x00 ", sum))
	return h, nil
}

// splitPath cuts a path that does not fit the name at the last slash at which
// both parts fit.
func splitPath(path string) (prefix, name string, ok bool) {
	if len(path) <= nameSize {
		return "", path, true
	}
	i := strings.LastIndexByte(path[:min(len(path), prefixSize+1)], '/')
	if i <= 0 || len(path)-i-1 > nameSize || i == len(path)-1 {
		return "", "", false
	}
	return path[:i], path[i+1:], true
}

// sizeIn reads the size in a header.
func sizeIn(h [blockSize]byte) (uint64, bool) {
	digits, ok := strings.CutSuffix(string(h[atSize:atSize+sizeSize]), "\x00")
	size, err := strconv.ParseUint(digits, 8, 64)
	return size, ok && err == nil
}
