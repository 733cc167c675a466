// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	printf("token of %d bytes, root %d\n", TOKEN_LENGTH, getuid() == 0);
	return 0;
}
