/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/texts.h"

void text_socket_denied(const struct profile *p, struct slice image, struct buf *b)
{
	buf_printf(
		b,
		"enhanced container isolation: %s socket mount denied for container with image \"",
		p->engine);
	buf_add_slice(b, image);
	buf_printf(
		b,
		"\"; image is not in the allowed list; if you wish to allow it, configure the %s "
		"socket image list in the %s settings.",
		p->engine, p->product);
}

void text_command_denied(const char *engine, const char *product, struct slice target,
			 struct buf *b)
{
	buf_printf(b, "enhanced container isolation: %s command \"", engine);
	buf_add_slice(b, target);
	buf_printf(
		b,
		"\" is blocked; if you wish to allow it, configure the %s socket command list in "
		"the %s settings or admin-settings.",
		engine, product);
}
