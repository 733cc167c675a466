/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The grammar, as the engine's documentation of it has it:
 *
 *	reference = name [":" tag] ["@" digest]
 *	name      = [domain "/"] path
 *	domain    = host [":" digits]
 *	host      = label *("." label) | "[" hex digits and colons "]"
 *	label     = letters, digits and inner hyphens
 *	path      = part *("/" part)
 *	part      = alnum *(("." | "_" | "__" | 1*"-") alnum)     alnum: lower case letters and
 *digits tag       = word character, then up to 127 word characters, dots and hyphens
 *
 * Which of the first two parts of a text is the domain is decided before, and by looks
 * (split_domain).
 */
#include "policy/reference.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"

#define SHOWN 200 /* bytes of a bad text in its error */
#define ID_HEX 64

/* --- characters --- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z');
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_alnum(char c)
{
	return is_lower_alnum(c) || is_upper(c);
}

static bool is_host_hex(char c) /* in an IPv6 address */
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':';
}

static bool is_tag_char(char c)
{
	return is_alnum(c) || c == '_' || c == '.' || c == '-';
}

/* How many characters of that kind stand at the beginning. */
static size_t span(struct slice s, bool (*is)(char))
{
	size_t n = 0;

	while (n < s.n && is(s.p[n]))
		n++;
	return n;
}

static bool all(struct slice s, bool (*is)(char))
{
	return span(s, is) == s.n;
}

static struct slice head(struct slice s, size_t n)
{
	return (struct slice){ s.p, n };
}

static bool any_upper(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (is_upper(s.p[i]))
			return true;
	return false;
}

/* --- parts --- */

static bool is_label(struct slice s)
{
	if (s.n == 0 || s.p[0] == '-' || s.p[s.n - 1] == '-')
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]) && s.p[i] != '-')
			return false;
	return true;
}

static bool is_port(struct slice s)
{
	return s.n > 1 && s.p[0] == ':' && all(slice_from(s, 1), is_digit);
}

static bool is_ipv6(struct slice s)
{
	return s.n > 2 && s.p[0] == '[' && s.p[s.n - 1] == ']' &&
	       all((struct slice){ s.p + 1, s.n - 2 }, is_host_hex);
}

static bool is_domain(struct slice s)
{
	bool bracket = s.n && s.p[0] == '[';
	size_t end = bracket ? slice_find(s, ']') + 1 : slice_find(s, ':');
	struct slice label, rest;

	if (end > s.n)
		return false;
	if (end < s.n && !is_port(slice_from(s, end)))
		return false;
	if (bracket)
		return is_ipv6(head(s, end));
	rest = head(s, end);
	while (slice_split(&rest, '.', &label))
		if (!is_label(label))
			return false;
	return end > 0;
}

/* Length of the separator at the beginning, 0 when there is none. */
static size_t separator(struct slice s)
{
	size_t n = 0;

	if (s.n == 0)
		return 0;
	if (s.p[0] == '.')
		return 1;
	if (s.p[0] == '_')
		return s.n > 1 && s.p[1] == '_' ? 2 : 1;
	while (n < s.n && s.p[n] == '-')
		n++;
	return n;
}

static bool is_part(struct slice s)
{
	for (;;) {
		size_t n = span(s, is_lower_alnum);

		if (n == 0)
			return false;
		s = slice_from(s, n);
		if (s.n == 0)
			return true;
		n = separator(s);
		if (n == 0)
			return false;
		s = slice_from(s, n);
	}
}

static bool is_star(struct slice s)
{
	return s.n == 1 && s.p[0] == '*';
}

/* *stars counts the parts that are `*`; NULL: there may be none. */
static bool is_path(struct slice s, size_t *stars)
{
	struct slice part;

	while (slice_split(&s, '/', &part)) {
		if (stars && is_star(part))
			++*stars;
		else if (!is_part(part))
			return false;
	}
	return true;
}

static const struct {
	struct slice algorithm;
	size_t hex;
} digests[] = {
	{ SLICE_LIT("sha256:"), ID_HEX },
	{ SLICE_LIT("sha384:"), 96 },
	{ SLICE_LIT("sha512:"), 128 },
};

bool reference_is_digest(struct slice text)
{
	for (size_t i = 0; i < ARRAY_SIZE(digests); i++)
		if (slice_starts(text, digests[i].algorithm))
			return text.n == digests[i].algorithm.n + digests[i].hex &&
			       slice_is_lower_hex(slice_from(text, digests[i].algorithm.n));
	return false;
}

bool reference_is_id(struct slice text)
{
	return slice_starts(text, digests[0].algorithm) && reference_is_digest(text);
}

static bool could_be_id(struct slice text)
{
	struct slice hex = text;

	if (slice_starts(text, digests[0].algorithm))
		hex = slice_from(text, digests[0].algorithm.n);
	return hex.n > 0 && hex.n < ID_HEX && slice_is_lower_hex(hex);
}

/* --- a whole reference --- */

static int bad(struct err *err, struct slice text, const char *why)
{
	return err_set(err, -EINVAL, "\"%.*s\" is no image reference: %s",
		       SLICE_ARG(head(text, MIN(text.n, (size_t)SHOWN))), why);
}

/* Which part is the registry: the first one, if it is `localhost` or has a dot, a colon or a
 * capital letter in it. Other names are of the default registry, and of its default folder if they
 * have one part only. */
static void split_domain(const struct profile *p, struct slice text, struct reference *ret,
			 struct slice *ret_rest)
{
	struct slice registry = slice_str(p->registry);
	size_t slash = slice_find(text, '/');
	struct slice first = head(text, slash);

	ret->domain = registry;
	*ret_rest = text;
	if (slash < text.n &&
	    (slice_eq_str(first, "localhost") || slice_find(first, '.') < first.n ||
	     slice_find(first, ':') < first.n || any_upper(first))) {
		if (!slice_eq_str(first, p->registry_alias))
			ret->domain = first;
		*ret_rest = slice_from(text, slash + 1);
	}
	if (slice_eq(ret->domain, registry) && slice_find(*ret_rest, '/') == ret_rest->n)
		ret->space = slice_str(p->space);
}

/* `library/x` of the default registry is its default folder, written out. */
static void split_space(const struct profile *p, struct reference *ret)
{
	size_t n = strlen(p->space);

	if (ret->space.n || !slice_eq_str(ret->domain, p->registry))
		return;
	if (ret->path.n > n + 1 && slice_starts(ret->path, slice_str(p->space)) &&
	    ret->path.p[n] == '/') {
		ret->space = slice_str(p->space);
		ret->path = slice_from(ret->path, n + 1);
	}
}

static size_t path_length(const struct reference *r)
{
	return r->path.n + (r->space.n ? r->space.n + 1 : 0);
}

/* The name of the text; *ret_rest is what comes after it (":tag…", "@…" or nothing). */
static int parse_name(const struct profile *p, struct slice text, size_t *stars,
		      struct reference *ret, struct slice *ret_rest, struct err *err)
{
	struct slice rest;
	size_t end = 0;

	split_domain(p, text, ret, &rest);
	while (end < rest.n && rest.p[end] != ':' && rest.p[end] != '@')
		end++;
	ret->path = head(rest, end);
	*ret_rest = slice_from(rest, end);
	if (any_upper(ret->path))
		return bad(err, text, "the repository's name must be lower case");
	if (!is_domain(ret->domain)) {
		/* what has a dot but cannot be a host is a path all the same */
		ret->path = head(text, ret->domain.n + 1 + end);
		ret->domain = head(text, 0);
	}
	if (!is_path(ret->path, stars))
		return bad(err, text, "that is not how a repository is called");
	if (path_length(ret) > REFERENCE_PATH_MAX)
		return bad(err, text, "the repository's name is longer than 255 bytes");
	split_space(p, ret);
	return 0;
}

static int parse_suffix(struct slice text, struct slice rest, struct reference *ret,
			struct err *err)
{
	if (rest.n && rest.p[0] == ':') {
		size_t n = span(slice_from(rest, 1), is_tag_char);

		ret->tag = (struct slice){ rest.p + 1, n };
		if (n == 0 || n > REFERENCE_TAG_MAX || ret->tag.p[0] == '.' || ret->tag.p[0] == '-')
			return bad(err, text, "that is not how a tag is written");
		rest = slice_from(rest, n + 1);
	}
	if (rest.n && rest.p[0] == '@') {
		ret->digest = slice_from(rest, 1);
		if (!reference_is_digest(ret->digest))
			return bad(err, text,
				   "the digest is not sha256: and 64 hex digits (or sha384, "
				   "sha512)");
		rest = SLICE_NULL;
	}
	if (rest.n)
		return bad(err, text, "something stands after the tag");
	return 0;
}

int reference_parse(const struct profile *p, struct slice text, struct reference *ret,
		    struct err *err)
{
	struct reference got = { .kind = REFERENCE_NAME };
	struct slice rest;
	int r;

	if (text.n == 0)
		return bad(err, text, "it is empty");
	if ((text.n == ID_HEX && slice_is_lower_hex(text)) || reference_is_digest(text)) {
		*ret = (struct reference){ .kind = REFERENCE_ID, .digest = text };
		return 0;
	}
	r = parse_name(p, text, NULL, &got, &rest, err);
	if (r == 0)
		r = parse_suffix(text, rest, &got, err);
	if (r < 0)
		return r;
	got.maybe_id = could_be_id(text);
	*ret = got;
	return 0;
}

int reference_parse_pattern(const struct profile *p, struct slice text, struct reference *ret,
			    struct err *err)
{
	struct reference got = { .kind = REFERENCE_NAME };
	struct slice rest, first;
	size_t stars = 0;
	int r = parse_name(p, text, &stars, &got, &rest, err);

	if (r < 0)
		return r;
	if (rest.n)
		return bad(err, text, "a tag or digest cannot stand before :*");
	if (stars > 1)
		return bad(err, text, "a pattern has one * in its path");
	first = head(got.path, slice_find(got.path, '/'));
	if (is_star(first) && !got.space.n && slice_eq_str(got.domain, p->registry))
		return bad(err, text,
			   "anybody can have a folder in that registry, so * cannot stand for it");
	*ret = got;
	return 0;
}

/* --- comparing --- */

bool reference_same_name(const struct reference *a, const struct reference *b)
{
	return a->kind == REFERENCE_NAME && b->kind == REFERENCE_NAME &&
	       slice_eq(a->path, b->path) && slice_eq(a->domain, b->domain) &&
	       slice_eq(a->space, b->space);
}

/* Without the default folder's special place. */
static struct slice whole_path(const struct reference *r, char buf[REFERENCE_PATH_MAX])
{
	size_t n = 0;

	if (!r->space.n)
		return r->path;
	memcpy(buf, r->space.p, r->space.n);
	n = r->space.n;
	buf[n++] = '/';
	memcpy(buf + n, r->path.p, r->path.n);
	return (struct slice){ buf, n + r->path.n };
}

bool reference_matches(const struct reference *pattern, const struct reference *name)
{
	char one[REFERENCE_PATH_MAX], two[REFERENCE_PATH_MAX];
	struct slice p, n, want, have;

	if (name->kind != REFERENCE_NAME || !slice_eq(pattern->domain, name->domain))
		return false;
	p = whole_path(pattern, one);
	n = whole_path(name, two);
	while (slice_split(&p, '/', &want))
		if (!slice_split(&n, '/', &have) || (!is_star(want) && !slice_eq(want, have)))
			return false;
	return !n.p;
}

static struct slice id_hex(const struct reference *r)
{
	return r->digest.n == ID_HEX ? r->digest : slice_from(r->digest, digests[0].algorithm.n);
}

bool reference_is_image(const struct reference *r, struct slice id)
{
	return r->kind == REFERENCE_ID && reference_is_id(id) &&
	       slice_eq(id_hex(r), slice_from(id, digests[0].algorithm.n));
}

bool reference_equal(const struct reference *a, const struct reference *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == REFERENCE_ID) /* the lengths differ with the algorithms */
		return slice_eq(id_hex(a), id_hex(b));
	return reference_same_name(a, b) && slice_eq(a->tag, b->tag) &&
	       slice_eq(a->digest, b->digest);
}

/* --- printing --- */

struct slice reference_tag(const struct reference *r)
{
	if (r->kind != REFERENCE_NAME || r->digest.n)
		return SLICE_LIT("");
	return r->tag.n ? r->tag : SLICE_LIT("latest");
}

static void add_path(const struct reference *r, struct buf *b)
{
	if (r->space.n) {
		buf_add_slice(b, r->space);
		buf_add_char(b, '/');
	}
	buf_add_slice(b, r->path);
}

void reference_add_name(const struct reference *r, struct buf *b)
{
	if (r->kind == REFERENCE_ID) {
		if (r->digest.n == ID_HEX)
			buf_add_slice(b, digests[0].algorithm);
		buf_add_slice(b, r->digest);
		return;
	}
	if (r->domain.n) {
		buf_add_slice(b, r->domain);
		buf_add_char(b, '/');
	}
	add_path(r, b);
}

static void add_suffix(struct slice tag, struct slice digest, struct buf *b)
{
	if (tag.n) {
		buf_add_char(b, ':');
		buf_add_slice(b, tag);
	}
	if (digest.n) {
		buf_add_char(b, '@');
		buf_add_slice(b, digest);
	}
}

void reference_add(const struct reference *r, struct buf *b)
{
	reference_add_name(r, b);
	if (r->kind == REFERENCE_NAME)
		add_suffix(r->tag, r->digest, b);
}

/* As short as the engine prints it; what the engine's own printing leaves open it leaves open, too.
 */
static struct slice short_text(const struct reference *r, char *buf, size_t size)
{
	bool folder = r->space.n && slice_find(r->path, '/') < r->path.n;
	int n = snprintf(buf, size, "%.*s%s%.*s%s%.*s%s%.*s", folder ? (int)r->space.n : 0,
			 r->space.n ? r->space.p : "", folder ? "/" : "", SLICE_ARG(r->path),
			 r->tag.n ? ":" : "", SLICE_ARG(r->tag), r->digest.n ? "@" : "",
			 SLICE_ARG(r->digest));

	return (struct slice){ buf, MIN((size_t)MAX(n, 0), size - 1) };
}

void reference_add_short(const struct profile *p, const struct reference *r, struct buf *b)
{
	char text[REFERENCE_PATH_MAX + REFERENCE_TAG_MAX + 160]; /* and the longest digest */
	struct reference wanted = *r, again;
	struct slice s;

	wanted.tag = reference_tag(r);
	if (r->kind == REFERENCE_NAME && slice_eq_str(r->domain, p->registry)) {
		s = short_text(&wanted, text, sizeof(text));
		if (reference_parse(p, s, &again, NULL) == 0 && reference_equal(&wanted, &again)) {
			buf_add_slice(b, s);
			return;
		}
	}
	reference_add(&wanted, b);
}
