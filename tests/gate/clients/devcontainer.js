// SPDX-License-Identifier: Apache-2.0
// The command line of development containers (containers.dev), which editors use: argv as it is.
"use strict";
require("@devcontainers/cli/devcontainer.js");
