// Verifies cases from standing input with Go's checksum database packages, which share no code with ours.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// One case: a checkpoint, and either a record with its audit path or an older checkpoint with a consistency proof.
type request struct {
	Key    string
	Note   string
	Record []byte
	Index  int64
	Older  string
	Path   [][]byte
}

type head struct {
	size int64
	root tlog.Hash
}

func open(text, key string) (head, error) {
	var found head
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return found, err
	}
	signed, err := note.Open([]byte(text), note.VerifierList(verifier))
	if err != nil {
		return found, err
	}
	lines := strings.Split(signed.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return found, fmt.Errorf("no checkpoint of %s", verifier.Name())
	}
	if _, err := fmt.Sscanf(lines[1], "%d", &found.size); err != nil {
		return found, err
	}
	found.root, err = tlog.ParseHash(lines[2])
	return found, err
}

func hashes(path [][]byte) []tlog.Hash {
	found := make([]tlog.Hash, len(path))
	for n, one := range path {
		copy(found[n][:], one)
	}
	return found
}

func verify(asked request) error {
	newest, err := open(asked.Note, asked.Key)
	if err != nil {
		return err
	}
	if asked.Older == "" {
		record := tlog.RecordHash(asked.Record)
		return tlog.CheckRecord(hashes(asked.Path), newest.size, newest.root, asked.Index, record)
	}
	older, err := open(asked.Older, asked.Key)
	if err != nil {
		return err
	}
	return tlog.CheckTree(hashes(asked.Path), newest.size, newest.root, older.size, older.root)
}

func main() {
	var cases []request
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	answers := make([]string, len(cases))
	for n, one := range cases {
		if err := verify(one); err != nil {
			answers[n] = err.Error()
		}
	}
	json.NewEncoder(os.Stdout).Encode(answers)
}
