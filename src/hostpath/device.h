/* SPDX-License-Identifier: Apache-2.0 */
/* Device nodes of this host against those that gabion.json names. */
#pragma once

#include <stdbool.h>

#include "policy/device.h"
#include "settings/facts.h"

/* Compared by number: the name in the container may differ. */
bool device_is_configured(const struct facts *facts, const struct device *d);
