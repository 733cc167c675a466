// SPDX-License-Identifier: Apache-2.0

// Go's half of the comparison of tar readers and writers: see tar-list.c, whose output this must equal.
package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

const fileMax = 64 << 20

func hexOf(s string) string {
	if s == "" {
		return "-"
	}
	return hex.EncodeToString([]byte(s))
}

func readOne(out *bufio.Writer, path string) {
	fmt.Fprintf(out, "%s\n", path)
	data, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	tr := tar.NewReader(bytes.NewReader(data))
	for {
		h, err := tr.Next()
		if err == io.EOF {
			fmt.Fprintf(out, "  end\n")
			return
		}
		if err != nil {
			fmt.Fprintf(out, "  error\n")
			return
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue // moby skips these
		}
		fmt.Fprintf(out, "  %d %s %s %d %d %d %d %d.%09d %d %d", h.Typeflag, hexOf(h.Name), hexOf(h.Linkname), h.Mode,
			h.Uid, h.Gid, h.Size, h.ModTime.Unix(), h.ModTime.Nanosecond(), h.Devmajor, h.Devminor)
		if c, ok := h.PAXRecords["SCHILY.xattr.security.capability"]; ok && len(c) > 0 && len(h.Xattrs) == 1 {
			fmt.Fprintf(out, " capability %d", len(c))
		}
		sum := fnv.New64a()
		if h.Size > fileMax {
			fmt.Fprintf(out, " %016x\n", 0)
		} else if _, err = io.Copy(sum, tr); err != nil {
			fmt.Fprintf(out, " %016x\n  error\n", 0)
			return
		} else {
			fmt.Fprintf(out, " %016x\n", sum.Sum64())
		}
	}
}

func text(s string) string {
	if s == "-" {
		return ""
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func writeOne(line string) {
	f := strings.Fields(line)
	var n [8]int64
	for i := range n {
		v, err := strconv.ParseInt(f[2+i], 10, 64)
		if err != nil {
			panic(err)
		}
		n[i] = v
	}
	h := &tar.Header{Name: text(f[0]), Linkname: text(f[1]), Typeflag: byte(n[0]), Mode: n[1], Uid: int(n[2]), Gid: int(n[3]),
		Size: n[4], ModTime: time.Unix(n[5], 0), Devmajor: n[6], Devminor: n[7], Format: tar.FormatPAX}
	if c := text(f[10]); c != "" {
		h.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": c}
	}
	// A new writer each time: it insists on content, which is not compared.
	if err := tar.NewWriter(os.Stdout).WriteHeader(h); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", line, err)
		os.Exit(1)
	}
}

func main() {
	if os.Args[1] == "write" {
		in := bufio.NewScanner(os.Stdin)
		in.Buffer(nil, 1<<20)
		for in.Scan() {
			writeOne(in.Text())
		}
		return
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for _, p := range os.Args[2:] {
		readOne(out, p)
	}
}
