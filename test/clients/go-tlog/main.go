// What others wrote for transparency logs in Go, against our log: golang.org/x/mod/sumdb/note and tlog, and filippo.io/torchwood for tlog-tiles and
// cosignatures.
//
//	go run . verify FOLDER VKEY SEED  verifies the log in FOLDER: signatures by VKEY and by the witness whose Ed25519 key has that seed (hex; `none`
//	                                  if no witness signed), the entries' tree, our tiles, and our proofs in FOLDER/proofs.json; prints the
//	                                  number of entries
//	go run . sign FOLDER              signs the text FOLDER/text as a log and as a witness, prints both verifier keys and the note
package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const witnessName = "witness.example/w1"

func main() {
	log.SetFlags(0)
	var err error
	switch arguments := os.Args[2:]; os.Args[1] {
	case "verify":
		err = verify(arguments[0], arguments[1], arguments[2])
	case "sign":
		err = sign(arguments[0])
	}
	if err != nil {
		log.Fatal(err)
	}
}

func verify(folder, vkey, seed string) error {
	checkpoint, err := openCheckpoint(folder, vkey, seed)
	if err != nil {
		return err
	}
	entries, err := readEntries(folder, checkpoint.N)
	if err != nil {
		return err
	}
	var stored hashes
	for i, entry := range entries {
		more, err := tlog.StoredHashes(int64(i), entry, stored)
		if err != nil {
			return err
		}
		stored = append(stored, more...)
	}
	root, err := tlog.TreeHash(checkpoint.N, stored)
	if err != nil {
		return err
	}
	if root != checkpoint.Hash {
		return errors.New("the entries have another tree hash")
	}
	return verifyProofs(folder, checkpoint.Tree, entries)
}

func openCheckpoint(folder, vkey, seed string) (checkpoint torchwood.Checkpoint, err error) {
	message, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	if err != nil {
		return checkpoint, err
	}
	logVerifier, err := note.NewVerifier(vkey)
	if err != nil {
		return checkpoint, err
	}
	verifiers := []note.Verifier{logVerifier}
	if seed != "none" {
		key, err := hex.DecodeString(seed)
		if err != nil {
			return checkpoint, err
		}
		witness, err := torchwood.NewCosignatureSigner(witnessName, ed25519.NewKeyFromSeed(key))
		if err != nil {
			return checkpoint, err
		}
		verifiers = append(verifiers, witness.Verifier())
	}
	opened, err := note.Open(message, note.VerifierList(verifiers...))
	if err != nil {
		return checkpoint, err
	}
	if len(opened.Sigs) != len(verifiers) {
		return checkpoint, fmt.Errorf("%d signatures verify, not %d", len(opened.Sigs), len(verifiers))
	}
	return torchwood.ParseCheckpoint(opened.Text)
}

func readEntries(folder string, size int64) (entries [][]byte, err error) {
	for start := int64(0); start < size; start += 256 {
		tile := tlog.Tile{H: 8, L: -1, N: start / 256, W: int(min(256, size-start))}
		bundle, err := os.ReadFile(filepath.Join(folder, torchwood.TilePath(tile)))
		if err != nil {
			return nil, err
		}
		for len(bundle) > 0 {
			var entry []byte
			if entry, bundle, err = torchwood.ReadTileEntry(bundle); err != nil {
				return nil, err
			}
			entries = append(entries, entry)
		}
	}
	if int64(len(entries)) != size {
		return nil, fmt.Errorf("the bundles have %d entries, not %d", len(entries), size)
	}
	return entries, nil
}

type proofs struct {
	Inclusion []struct {
		Index int64
		Proof []string
	}
	Consistency []struct {
		Size  int64
		Root  string
		Proof []string
	}
}

func verifyProofs(folder string, tree tlog.Tree, entries [][]byte) error {
	content, err := os.ReadFile(filepath.Join(folder, "proofs.json"))
	if err != nil {
		return err
	}
	var made proofs
	if err := json.Unmarshal(content, &made); err != nil {
		return err
	}
	// It authenticates every tile that it reads by the tree's hash.
	reader := tlog.TileHashReader(tree, tiles(folder))
	for _, inclusion := range made.Inclusion {
		hash := tlog.RecordHash(entries[inclusion.Index])
		proof, err := parseHashes(inclusion.Proof)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, inclusion.Index, hash); err != nil {
			return fmt.Errorf("inclusion of %d: %w", inclusion.Index, err)
		}
		theirs, err := tlog.ProveRecord(tree.N, inclusion.Index, reader)
		if err != nil {
			return fmt.Errorf("our tiles: %w", err)
		}
		if fmt.Sprint(theirs) != fmt.Sprint(tlog.RecordProof(proof)) {
			return fmt.Errorf("inclusion of %d: proofs differ", inclusion.Index)
		}
	}
	for _, consistency := range made.Consistency {
		root, err := tlog.ParseHash(consistency.Root)
		if err != nil {
			return err
		}
		proof, err := parseHashes(consistency.Proof)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, consistency.Size, root); err != nil {
			return fmt.Errorf("consistency from %d: %w", consistency.Size, err)
		}
	}
	fmt.Println(len(entries))
	return nil
}

func parseHashes(texts []string) (hashes []tlog.Hash, err error) {
	for _, text := range texts {
		hash, err := tlog.ParseHash(text)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
	}
	return hashes, nil
}

// hashes in the order of tlog's storage.
type hashes []tlog.Hash

func (h hashes) ReadHashes(indexes []int64) (found []tlog.Hash, err error) {
	for _, index := range indexes {
		found = append(found, h[index])
	}
	return found, nil
}

// tiles of a folder.
type tiles string

func (t tiles) Height() int { return torchwood.TileHeight }

func (t tiles) ReadTiles(wanted []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range wanted {
		content, err := os.ReadFile(filepath.Join(string(t), torchwood.TilePath(tile)))
		if err != nil {
			return nil, err
		}
		data = append(data, content)
	}
	return data, nil
}

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func sign(folder string) error {
	text, err := os.ReadFile(filepath.Join(folder, "text"))
	if err != nil {
		return err
	}
	checkpoint, err := torchwood.ParseCheckpoint(string(text))
	if err != nil {
		return err
	}
	skey, vkey, err := note.GenerateKey(rand.Reader, checkpoint.Origin)
	if err != nil {
		return err
	}
	logSigner, err := note.NewSigner(skey)
	if err != nil {
		return err
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	witness, err := torchwood.NewCosignatureSigner(witnessName, key)
	if err != nil {
		return err
	}
	signed, err := note.Sign(&note.Note{Text: string(text)}, logSigner, witness)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]string{
		"log":     vkey,
		"witness": witness.Verifier().String(),
		"note":    base64.StdEncoding.EncodeToString(signed),
	})
}
