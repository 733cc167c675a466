/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands: complete, and in agreement with the classes. */
#include "policy/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/util.h"

/* What `docker --help` and the help of its groups print, of 20.10 to 29, and what the specification
 * names beside. */
static const char help[] =
	"attach|bake|build|builder|buildx|checkpoint|commit|compose|config|container|"
	"context|cp|create|diff|events|exec|export|history|image|images|import|info|"
	"inspect|kill|load|login|logout|logs|manifest|network|node|pause|plugin|port|"
	"ps|pull|push|rename|restart|rm|rmi|run|save|search|secret|service|stack|"
	"start|stats|stop|swarm|system|tag|top|trust|unpause|update|version|volume|"
	"wait|"
	"builder build|builder prune|"
	"checkpoint create|checkpoint ls|checkpoint rm|"
	"config create|config inspect|config ls|config rm|"
	"container attach|container commit|container cp|container create|"
	"container diff|container exec|container export|container inspect|"
	"container kill|container logs|container ls|container pause|container port|"
	"container prune|container rename|container restart|container rm|"
	"container run|container start|container stats|container stop|container top|"
	"container unpause|container update|container wait|"
	"context create|context export|context import|context inspect|context ls|"
	"context rm|context show|context update|context use|"
	"image build|image history|image import|image inspect|image load|image ls|"
	"image prune|image pull|image push|image rm|image save|image tag|"
	"manifest annotate|manifest create|manifest inspect|manifest push|"
	"manifest rm|"
	"network connect|network create|network disconnect|network inspect|"
	"network ls|network prune|network rm|"
	"node demote|node inspect|node ls|node promote|node ps|node rm|node update|"
	"plugin create|plugin disable|plugin enable|plugin inspect|plugin install|"
	"plugin ls|plugin push|plugin rm|plugin set|plugin upgrade|"
	"secret create|secret inspect|secret ls|secret rm|"
	"service create|service inspect|service logs|service ls|service ps|"
	"service rm|service rollback|service scale|service update|"
	"stack config|stack deploy|stack ls|stack ps|stack rm|stack services|"
	"swarm ca|swarm init|swarm join|swarm join-token|swarm leave|swarm unlock|"
	"swarm unlock-key|swarm update|"
	"system df|system events|system info|system prune|system dial-stdio|"
	"trust inspect|trust key|trust key generate|trust key load|trust revoke|"
	"trust sign|trust signer|trust signer add|trust signer remove|"
	"volume create|volume inspect|volume ls|volume prune|volume rm|volume update|"
	"buildx bake|buildx build|buildx create|buildx du|buildx history|"
	"buildx imagetools|buildx imagetools create|buildx imagetools inspect|"
	"buildx inspect|buildx ls|buildx prune|buildx rm|buildx stop|buildx use|"
	"buildx version|"
	/* aliases */
	"container list|container ps|container remove|image list|image remove|"
	"network list|network remove|volume list|volume remove|stack up|stack down|"
	"stack remove|stack list|node list|node remove|service list|service remove|"
	"secret list|secret remove|config list|config remove|plugin list|"
	"plugin remove|checkpoint list|checkpoint remove|context list|context remove|"
	/* spec 000 and 004: not supported by Docker Desktop */
	"dev|extension|feedback|init|sbom|scan|scout";

static void test_each_name_of_help_is_known(void **state)
{
	struct command_list list = { .profile = { "docker", "Docker Desktop", NULL } };
	struct slice rest = slice_str(help);
	struct slice name;

	(void)state;
	command_list_settle(&list);
	while (slice_split(&rest, '|', &name))
		if (command_list_ask(&list, name) == COMMAND_UNKNOWN)
			fail_msg("%.*s is not known", SLICE_ARG(name));
}

static void check_name(const struct command *table, size_t n, size_t at, struct slice name)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyz -";
	size_t found = 0;

	assert_true(name.n > 0 && name.p[0] != ' ' && name.p[name.n - 1] != ' ');
	for (size_t i = 0; i < name.n; i++)
		assert_non_null(memchr(set, name.p[i], sizeof(set) - 1));
	for (size_t i = 0; i < n; i++) {
		struct slice rest = slice_str(table[i].names);
		struct slice other;

		while (slice_split(&rest, '|', &other))
			found += slice_eq(other, name);
	}
	if (found != 1)
		fail_msg("%.*s is the name of several commands", SLICE_ARG(name));
	assert_true(command_is(&table[at], name));
}

/* Each class once, and of those that there are. */
static void check_classes(const char *names, const uint8_t *classes, size_t max)
{
	struct route_class_set seen = { { 0, 0 } };
	size_t i = 0;

	for (; i < max && classes[i]; i++) {
		if (classes[i] >= ROUTE_CLASS_COUNT || route_class_has(&seen, classes[i]))
			fail_msg("%s: class %u", names, classes[i]);
		route_class_add(&seen, classes[i]);
	}
	if (classes[i])
		fail_msg("%s: the list of classes has no end", names);
}

static void test_rows(void **state)
{
	size_t n;
	const struct command *table = command_table(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		const struct command *c = &table[i];
		struct slice rest = slice_str(c->names);
		struct slice name;

		while (slice_split(&rest, '|', &name))
			check_name(table, n, i, name);
		check_classes(c->names, c->owns, COMMAND_OWNS_MAX);
		check_classes(c->names, c->needs, COMMAND_NEEDS_MAX);
		assert_int_equal(c->note != COMMAND_NOTE_NONE, c->why != NULL);
		if ((c->owns[0] == 0) != (c->note == COMMAND_NOTE_IDLE) ||
		    (c->needs[0] == 0) != (c->note == COMMAND_NOTE_IDLE))
			fail_msg("%s: has an effect or not?", c->names);
	}
}

static bool is_listed(const enum route_class *list, size_t n, enum route_class c)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == c)
			return true;
	return false;
}

static bool somebody(enum route_class class, bool owns)
{
	size_t n;
	const struct command *table = command_table(&n);

	for (size_t i = 0; i < n; i++)
		for (const uint8_t *c = owns ? table[i].owns : table[i].needs; *c; c++)
			if (*c == class)
				return true;
	return false;
}

static void test_each_class_has_an_owner(void **state)
{
	static const enum route_class nobodys[] = {
		ROUTE_CLASS_PING, ROUTE_CLASS_OPTIONS, /* always */
		ROUTE_CLASS_DEBUG,		       /* never */
		ROUTE_CLASS_DISTRIBUTION, /* only asks, and is a part of several commands */
	};

	(void)state;
	for (enum route_class c = ROUTE_CLASS_NONE + 1; c < ROUTE_CLASS_COUNT; c++)
		if (somebody(c, true) == is_listed(nobodys, ARRAY_SIZE(nobodys), c))
			fail_msg("%s", route_class_name(c));
}

/* Otherwise no allow list could let it through. */
static void test_each_class_is_needed(void **state)
{
	static const enum route_class nobodys[] = {
		ROUTE_CLASS_PING,
		ROUTE_CLASS_OPTIONS, /* always */
		ROUTE_CLASS_DEBUG,
		ROUTE_CLASS_HTTP2,		/* never */
		ROUTE_CLASS_CONTAINER_COPY_OLD, /* no client of 1.24 and later */
	};

	(void)state;
	for (enum route_class c = ROUTE_CLASS_NONE + 1; c < ROUTE_CLASS_COUNT; c++)
		if (somebody(c, false) == is_listed(nobodys, ARRAY_SIZE(nobodys), c))
			fail_msg("%s", route_class_name(c));
}

/* Every class is that of a route, or a mark that a query makes. */
static void test_each_class_can_be_asked_for(void **state)
{
	static const enum route_class by_query[] = {
		ROUTE_CLASS_EVENTS_CONTAINER, ROUTE_CLASS_IMAGE_PULL, ROUTE_CLASS_BUILD_KIT,
		ROUTE_CLASS_BUILD_PUSH,	      ROUTE_CLASS_COMPOSE,
	};
	size_t n;
	const struct route *table = route_table(&n);

	(void)state;
	for (enum route_class c = ROUTE_CLASS_NONE + 1; c < ROUTE_CLASS_COUNT; c++) {
		bool found = false;

		for (size_t i = 0; i < n; i++)
			found |= table[i].class == c;
		if (found == is_listed(by_query, ARRAY_SIZE(by_query), c))
			fail_msg("%s", route_class_name(c));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_name_of_help_is_known),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_each_class_has_an_owner),
		cmocka_unit_test(test_each_class_is_needed),
		cmocka_unit_test(test_each_class_can_be_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
