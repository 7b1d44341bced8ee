// Command c2sp reads a log that Holdfast wrote with code that others wrote: golang.org/x/mod/sumdb's note and tlog.
//
// Usage: c2sp LOG VKEY WORK
//
// It opens the checkpoint with note.Open, recomputes the tree hash from the tiles with tlog.TileHashReader, hashes every
// entry of every bundle, and checks the inclusion proofs (WORK/*.tlog-proof beside WORK/*.entry) and the consistency
// proofs (WORK/*.consistency beside WORK/*.old) that Holdfast made; then it makes proofs of its own for each and compares.
// It prints "ok", the size and the number of proofs of each kind, or exits 1.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func fail(format string, args ...interface{}) {
	must(fmt.Errorf(format, args...))
}

// openCheckpoint verifies a note and reads origin, size and root from it.
func openCheckpoint(data []byte, verifiers note.Verifiers) tlog.Tree {
	opened, err := note.Open(data, verifiers)
	must(err)
	if len(opened.Sigs) != 1 || len(opened.UnverifiedSigs) != 0 {
		fail("expected one signature, found %d and %d", len(opened.Sigs), len(opened.UnverifiedSigs))
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		fail("a checkpoint has three lines: %q", opened.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := tlog.ParseHash(lines[2])
	must(err)
	return tlog.Tree{N: size, Hash: root}
}

// tileReader finds a sumdb tile (tile/8/LEVEL/...) where C2SP tlog-tiles keeps it (tile/LEVEL/...).
type tileReader struct{ log string }

func (r tileReader) Height() int                             { return height }
func (r tileReader) SaveTiles(tiles []tlog.Tile, _ [][]byte) {}
func (r tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		data, err := r.read(tile)
		if err != nil {
			return nil, err
		}
		all = append(all, data[:tile.W*tlog.HashSize])
	}
	return all, nil
}

func (r tileReader) read(tile tlog.Tile) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(r.log, c2spPath(tile)))
	if os.IsNotExist(err) {
		tile.W = 1 << height
		data, err = os.ReadFile(filepath.Join(r.log, c2spPath(tile)))
	}
	return data, err
}

func c2spPath(tile tlog.Tile) string {
	path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", height))
	return "tile/" + strings.Replace(path, "data/", "entries/", 1)
}

// checkEntries hashes every entry of every bundle against the tree.
func checkEntries(reader tileReader, tree tlog.Tree, hashes tlog.HashReader) {
	for first := int64(0); first < tree.N; first += 1 << height {
		width := tree.N - first
		if width > 1<<height {
			width = 1 << height
		}
		data, err := reader.read(tlog.Tile{H: height, L: -1, N: first >> height, W: int(width)})
		must(err)
		var leaves []int64
		for index := first; index < first+width; index++ {
			leaves = append(leaves, tlog.StoredHashIndex(0, index))
		}
		stored, err := hashes.ReadHashes(leaves)
		must(err)
		for at, hash := range stored {
			length := int(binary.BigEndian.Uint16(data))
			entry := data[2 : 2+length]
			data = data[2+length:]
			if hash != tlog.RecordHash(entry) {
				fail("entry %d does not match its leaf", first+int64(at))
			}
		}
		if len(data) != 0 {
			fail("bundle %d has %d bytes too many", first>>height, len(data))
		}
	}
}

// parse splits a proof file into its head line, its hashes and its checkpoint.
func parse(data []byte, head string) (int64, []tlog.Hash, []byte) {
	parts := bytes.SplitN(data, []byte("\n\n"), 2)
	lines := strings.Split(string(parts[0]), "\n")
	if len(parts) != 2 || !strings.HasPrefix(lines[0], head) {
		fail("no proof: %q", data)
	}
	number, err := strconv.ParseInt(lines[0][len(head):], 10, 64)
	must(err)
	var path []tlog.Hash
	for _, line := range lines[1:] {
		raw, err := base64.StdEncoding.DecodeString(line)
		must(err)
		var hash tlog.Hash
		if copy(hash[:], raw) != tlog.HashSize {
			fail("a hash of %d bytes", len(raw))
		}
		path = append(path, hash)
	}
	return number, path, parts[1]
}

func same(ours, theirs []tlog.Hash) {
	if len(ours) != len(theirs) {
		fail("proofs of %d and %d hashes", len(ours), len(theirs))
	}
	for at := range ours {
		if ours[at] != theirs[at] {
			fail("proofs differ at hash %d", at)
		}
	}
}

func glob(folder, pattern string) []string {
	names, err := filepath.Glob(filepath.Join(folder, pattern))
	must(err)
	return names
}

func read(name string) []byte {
	data, err := os.ReadFile(name)
	must(err)
	return data
}

func main() {
	log, vkey, work := os.Args[1], os.Args[2], os.Args[3]
	verifier, err := note.NewVerifier(vkey)
	must(err)
	verifiers := note.VerifierList(verifier)
	tree := openCheckpoint(read(filepath.Join(log, "checkpoint")), verifiers)
	reader := tileReader{log}
	hashes := tlog.TileHashReader(tree, reader)
	root, err := tlog.TreeHash(tree.N, hashes)
	must(err)
	if root != tree.Hash {
		fail("the tiles hash to %v, the checkpoint says %v", root, tree.Hash)
	}
	checkEntries(reader, tree, hashes)

	inclusions := glob(work, "*.tlog-proof")
	for _, name := range inclusions {
		data := bytes.TrimPrefix(read(name), []byte("c2sp.org/tlog-proof@v1\n"))
		index, path, signed := parse(data, "index ")
		under := openCheckpoint(signed, verifiers)
		leaf := tlog.RecordHash(read(strings.TrimSuffix(name, ".tlog-proof") + ".entry"))
		must(tlog.CheckRecord(path, under.N, under.Hash, index, leaf))
		theirs, err := tlog.ProveRecord(under.N, index, hashes)
		must(err)
		same(path, theirs)
	}
	consistencies := glob(work, "*.consistency")
	for _, name := range consistencies {
		size, path, signed := parse(read(name), "old ")
		older := openCheckpoint(read(strings.TrimSuffix(name, ".consistency")+".old"), verifiers)
		newer := openCheckpoint(signed, verifiers)
		if older.N != size {
			fail("the proof starts at %d, the checkpoint at %d", size, older.N)
		}
		must(tlog.CheckTree(path, newer.N, newer.Hash, older.N, older.Hash))
		theirs, err := tlog.ProveTree(newer.N, older.N, hashes)
		must(err)
		same(path, theirs)
	}
	fmt.Println("ok", tree.N, len(inclusions), len(consistencies))
}
