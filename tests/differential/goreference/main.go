// SPDX-License-Identifier: Apache-2.0

// Command goreference is the reference of tests/differential/run-references: it parses image references with
// the library that Docker's engine was built with and prints the parts. Protocol: ../README.md.
package main

import (
	"bufio"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/docker/distribution/reference"
)

// short is what the engine lists, unless it would read that as something else.
func short(wanted reference.Named) string {
	text := reference.FamiliarString(wanted)
	again, err := reference.ParseAnyReference(text)
	if err != nil || again.String() != wanted.String() {
		return wanted.String()
	}
	return text
}

func answer(text string) (string, error) {
	ref, err := reference.ParseAnyReference(text)
	if err != nil {
		return "", err
	}
	named, ok := ref.(reference.Named)
	if !ok {
		return "id\n" + ref.String(), nil
	}
	wanted, err := reference.ParseDockerRef(text)
	if err != nil {
		return "", err
	}
	var tag, digest string
	if t, ok := named.(reference.Tagged); ok {
		tag = t.Tag()
	}
	if d, ok := named.(reference.Digested); ok {
		digest = d.Digest().String()
	}
	return strings.Join([]string{"name", reference.Domain(named), reference.Path(named), tag, digest,
		named.String(), wanted.String(), short(wanted)}, "\n"), nil
}

func serve(in io.Reader, out *bufio.Writer) error {
	for {
		var n uint32
		if err := binary.Read(in, binary.BigEndian, &n); err == io.EOF {
			return out.Flush()
		} else if err != nil {
			return err
		}
		request := make([]byte, n)
		if _, err := io.ReadFull(in, request); err != nil {
			return err
		}
		text, err := answer(string(request[1:]))
		reply := "+" + text
		if err != nil {
			reply = "-" + err.Error()
		}
		if err := binary.Write(out, binary.BigEndian, uint32(len(reply))); err != nil {
			return err
		}
		if _, err := out.WriteString(reply); err != nil {
			return err
		}
	}
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "--version" {
		fmt.Println(runtime.Version())
		return
	}
	if err := serve(bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)); err != nil {
		fmt.Fprintln(os.Stderr, "goreference:", err)
		os.Exit(1)
	}
}
