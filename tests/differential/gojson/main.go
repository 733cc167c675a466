// SPDX-License-Identifier: Apache-2.0

// Command gojson is the reference of tests/differential: it decodes documents with encoding/json and
// prints what a Go program then knows. Protocol: ../README.md.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
)

// Floats are printed as their bits, so that no formatting stands between the two sides.
type float64Bits float64
type float32Bits float32

func (f float64Bits) MarshalJSON() ([]byte, error) {
	return []byte(fmt.Sprintf(`"0x%016x"`, math.Float64bits(float64(f)))), nil
}

func (f float32Bits) MarshalJSON() ([]byte, error) {
	return float64Bits(float64(f)).MarshalJSON()
}

// stringOrList is a list for which a single string may stand, as in the engine's API.
type stringOrList []string

func (s *stringOrList) UnmarshalJSON(text []byte) error {
	var list []string
	if json.Unmarshal(text, &list) == nil {
		*s = list
		return nil
	}
	var one string
	if err := json.Unmarshal(text, &one); err != nil {
		return err
	}
	*s = stringOrList{one}
	return nil
}

// The types of src/json/test-mini.h, in the same order.

type bind struct {
	Propagation string
	Sizes       []int32
	Labels      map[string]string
}

type mount struct {
	Type        string
	Source      string
	Target      string
	ReadOnly    bool
	Bind        bind
	BindOptions *bind
}

type host struct {
	Binds        []string
	Mounts       []mount
	Privileged   bool
	NetworkMode  string
	Memory       int64
	PidsLimit    *int64
	Init         *bool
	KernelMemory uint64
	Swappiness   int8
	BlkioWeight  uint16
	CpuPercent   float32Bits
	Ratio        float64Bits
	Annotations  map[string]string
	PortBindings map[string][]mount
	Devices      []*mount
	ByName       map[string]mount
	ByNamePtr    map[string]*mount
	DNSSearch    []*string `json:"Dns_Search-1"`
	Extra        interface{}
	Extras       []interface{}
	Flags        []bool
	Counts       map[string]int
	Matrix       [][]string
}

type create struct {
	Image      string
	Cmd        stringOrList
	Env        []string
	Labels     map[string]string
	Tty        bool
	Ask        string `json:"ask"`
	HostConfig *host
	Opaque     map[string]interface{}
}

func decode(text []byte, v interface{}) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something after the value")
	}
	return nil
}

func answer(request []byte) ([]byte, error) {
	if len(request) == 0 {
		return nil, errors.New("empty request")
	}
	var whatever interface{}
	var mini create
	var v interface{} = &whatever
	if request[0] == 'm' {
		v = &mini
	}
	if err := decode(request[1:], v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
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
		text, err := answer(request)
		reply := append([]byte("+"), text...)
		if err != nil {
			reply = append([]byte("-"), err.Error()...)
		}
		if err := binary.Write(out, binary.BigEndian, uint32(len(reply))); err != nil {
			return err
		}
		if _, err := out.Write(reply); err != nil {
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
		fmt.Fprintln(os.Stderr, "gojson:", err)
		os.Exit(1)
	}
}
