/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/number.h"

#include <stdio.h>
#include <string.h>

#include "base/util.h"

#define METADATA_MAX (1u << 20)

bool number_label_ok(const char *value)
{
	return strcmp(value, "user") == 0 || strcmp(value, "root") == 0;
}

static bool is_root(const char *user)
{
	size_t n = strcspn(user, ":");

	return n == 0 || (n == 1 && user[0] == '0') || (n == 4 && strncmp(user, "root", n) == 0);
}

/* The last one counts: what the image has comes first, what the project says after it. */
static const char *last_of(const struct json *metadata, const char *key)
{
	const char *found = json_get_str(metadata, key);

	for (size_t i = 0; metadata->kind == JSON_ARRAY && i < metadata->n; i++) {
		const char *user = json_get_str(metadata->items[i], key);

		if (user)
			found = user;
	}
	return found;
}

static const char *user_of_metadata(const char *text, struct arena *a)
{
	struct json_limits limits = JSON_LIMITS;
	struct json *v = NULL;
	const char *user;

	if (strlen(text) > METADATA_MAX ||
	    json_parse(a, slice_str(text), &limits, &v, NULL, NULL) < 0)
		return NULL;
	user = last_of(v, "remoteUser");
	return user ? user : last_of(v, "containerUser");
}

static bool is_told_number(const struct json *env, uid_t asker)
{
	static const char *const names[] = {
		"PUID",	    "UID",	 "NB_UID",	"USER_ID",	 "USER_UID",
		"HOST_UID", "LOCAL_UID", "USERMAP_UID", "LOCAL_USER_ID",
	};
	char line[64];

	for (size_t i = 0; json_is(env, JSON_ARRAY) && i < env->n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(names) && env->items[i]->kind == JSON_STRING;
		     k++) {
			(void)snprintf(line, sizeof(line), "%s=%u", names[k], asker);
			if (slice_eq_str(env->items[i]->text, line))
				return true;
		}
	return false;
}

bool number_is_own(const struct json *made, uid_t asker, struct arena *a)
{
	const struct json *config = json_get(made, "Config");
	const struct json *labels = json_get(config, "Labels");
	const char *owner = json_get_str(labels, NUMBER_LABEL);
	const char *metadata = json_get_str(labels, "devcontainer.metadata");
	const char *user = NULL;

	if (owner && number_label_ok(owner))
		return strcmp(owner, "user") == 0;
	if (is_told_number(json_get(config, "Env"), asker))
		return true;
	if (!json_get(labels, "devcontainer.local_folder"))
		return false;
	if (metadata)
		user = user_of_metadata(metadata, a);
	if (!user)
		user = json_get_str(config, "User");
	return user && !is_root(user);
}
