// SPDX-License-Identifier: Apache-2.0

// The frontend that "# syntax=docker/dockerfile" names, from the sources of the engine.
package main

import (
	"context"
	"log"

	"github.com/moby/buildkit/frontend/dockerfile/builder"
	"github.com/moby/buildkit/frontend/gateway/grpcclient"
)

func main() {
	if err := grpcclient.RunFromEnvironment(context.Background(), builder.Build); err != nil {
		log.Fatal(err)
	}
}
