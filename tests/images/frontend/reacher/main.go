// SPDX-License-Identifier: Apache-2.0

// A frontend that has BuildKit write the file of an http source where its name leads, so many TIMES.
package main

import (
	"context"
	"log"
	"strconv"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/frontend/gateway/grpcclient"
)

func build(ctx context.Context, c client.Client) (*client.Result, error) {
	name := c.BuildOpts().Opts["build-arg:NAME"]
	def, err := llb.HTTP("http://127.0.0.1:1/file", llb.Filename(name)).Marshal(ctx)
	if err != nil {
		return nil, err
	}
	times, _ := strconv.Atoi(c.BuildOpts().Opts["build-arg:TIMES"])
	for ; times > 1; times-- {
		_, _ = c.Solve(ctx, client.SolveRequest{Definition: def.ToPB()})
	}
	return c.Solve(ctx, client.SolveRequest{Definition: def.ToPB()})
}

func main() {
	if err := grpcclient.RunFromEnvironment(context.Background(), build); err != nil {
		log.Fatal(err)
	}
}
