/* SPDX-License-Identifier: Apache-2.0 */
/* A lower runtime that does nothing: behind it gabion-runc's own peak memory can be seen. */
int main(void)
{
	return 0;
}
