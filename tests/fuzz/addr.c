// SPDX-License-Identifier: GPL-2.0
/*
 * Addresses: what PORT and EPRT say is the address again.
 *
 * The input is a family, a port, a scope, the size of a buffer and two addresses;
 * what is missing is 0.
 */
#include <arpa/inet.h>

#include "fuzz.h"
#include "addr.h"

static struct kftp_addr addr_of(const u8 bytes[16], bool v6, u16 port, u32 scope)
{
	struct kftp_addr addr = {};

	if (v6) {
		addr.in6.sin6_family = AF_INET6;
		memcpy(&addr.in6.sin6_addr, bytes, 16);
		addr.in6.sin6_scope_id = scope;
	} else {
		addr.in.sin_family = AF_INET;
		memcpy(&addr.in.sin_addr, bytes, 4);
	}
	kftp_addr_set_port(&addr, port);
	HOLDS(kftp_addr_port(&addr) == port, "%u", port);
	HOLDS(kftp_addr_len(&addr) == (v6 ? sizeof(struct sockaddr_in6) :
					    sizeof(struct sockaddr_in)),
	      "%zu", kftp_addr_len(&addr));
	return addr;
}

static void parse_port(const char *command, const struct kftp_addr *addr)
{
	unsigned int n[6];
	int end = 0, found;
	u8 bytes[4];
	size_t i;

	found = sscanf(command, "PORT %3u,%3u,%3u,%3u,%3u,%3u%n", &n[0], &n[1],
		       &n[2], &n[3], &n[4], &n[5], &end);
	HOLDS(found == 6 && !command[end], "'%s'", command);
	for (i = 0; i < 4; i++)
		bytes[i] = n[i];
	HOLDS(!memcmp(bytes, &addr->in.sin_addr, 4), "'%s'", command);
	HOLDS(n[4] < 256 && n[5] < 256, "'%s'", command);
	HOLDS(n[4] * 256 + n[5] == kftp_addr_port(addr), "'%s'", command);
}

static void parse_eprt(const char *command, const struct kftp_addr *addr)
{
	char host[64] = "", canonical[64];
	struct in6_addr in6;
	unsigned int port;
	int end = 0, found;

	found = sscanf(command, "EPRT |2|%63[^|]|%5u|%n", host, &port, &end);
	HOLDS(found == 2 && end && !command[end], "'%s'", command);
	HOLDS(port == kftp_addr_port(addr), "'%s'", command);
	HOLDS(inet_pton(AF_INET6, host, &in6) == 1, "'%s'", command);
	HOLDS(!memcmp(&in6, &addr->in6.sin6_addr, sizeof(in6)), "'%s'",
	      command);
	/* the C library writes IPv4 addresses in some with dots */
	inet_ntop(AF_INET6, &in6, canonical, sizeof(canonical));
	HOLDS(strchr(canonical, '.') || !strcmp(host, canonical),
	      "'%s' for '%s'", host, canonical);
}

static void check_command(const struct kftp_addr *addr, size_t size)
{
	char *whole = malloc(KFTP_ADDR_COMMAND_MAX);
	int len = kftp_addr_command(addr, whole, KFTP_ADDR_COMMAND_MAX);
	char *less = malloc(size ? size : 1);
	int ret = kftp_addr_command(addr, less, size);

	HOLDS(len > 0, "%d", len);
	HOLDS(strlen(whole) == (size_t)len, "%d for '%s'", len, whole);
	if (addr->sa.sa_family == AF_INET)
		parse_port(whole, addr);
	else
		parse_eprt(whole, addr);
	HOLDS(ret == (size > (size_t)len ? len : -ENOSPC), "%d of %zu", ret,
	      size);
	HOLDS(ret < 0 || !strcmp(less, whole), "'%s'", less);
	free(less);
	free(whole);
}

static void check_unmap(const struct kftp_addr *addr)
{
	struct kftp_addr plain = *addr, again;
	bool mapped = addr->sa.sa_family == AF_INET6 &&
		      IN6_IS_ADDR_V4MAPPED(&addr->in6.sin6_addr);

	kftp_addr_unmap(&plain);
	HOLDS(kftp_addr_port(&plain) == kftp_addr_port(addr), "%u",
	      kftp_addr_port(&plain));
	if (mapped) {
		HOLDS(plain.sa.sa_family == AF_INET, "%d", plain.sa.sa_family);
		HOLDS(!memcmp(&plain.in.sin_addr,
			      addr->in6.sin6_addr.s6_addr + 12, 4),
		      "another address");
	} else {
		HOLDS(!memcmp(&plain, addr, sizeof(plain)), "it changed");
	}
	again = plain;
	kftp_addr_unmap(&again);
	HOLDS(!memcmp(&plain, &again, sizeof(plain)), "it changed once more");
}

static void check_same(const struct kftp_addr *a, const struct kftp_addr *b)
{
	struct kftp_addr moved = *a;
	bool same = a->sa.sa_family == b->sa.sa_family;

	if (same && a->sa.sa_family == AF_INET)
		same = !memcmp(&a->in.sin_addr, &b->in.sin_addr, 4);
	else if (same)
		same = !memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, 16) &&
		       a->in6.sin6_scope_id == b->in6.sin6_scope_id;
	HOLDS(kftp_addr_same_host(a, b) == same, "%d", !same);
	HOLDS(kftp_addr_same_host(b, a) == same, "%d", !same);
	kftp_addr_set_port(&moved, kftp_addr_port(a) + 1);
	HOLDS(kftp_addr_same_host(a, &moved), "another port, another host");
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, size };
	struct kftp_addr a, b;
	u8 families, len, one[16], other[16];
	u32 scopes[2];
	u16 ports[2];

	take(&in, &families, sizeof(families));
	take(&in, &len, sizeof(len));
	take(&in, ports, sizeof(ports));
	take(&in, scopes, sizeof(scopes));
	take(&in, one, sizeof(one));
	take(&in, other, sizeof(other));
	a = addr_of(one, families & 1, ports[0], scopes[0]);
	b = addr_of(other, families & 2, ports[1], scopes[1]);

	check_command(&a, len);
	check_unmap(&a);
	check_same(&a, &a);
	check_same(&a, &b);
	return 0;
}
