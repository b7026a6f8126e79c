// SPDX-License-Identifier: GPL-2.0
/* Tests of module/addr.c */
#include <arpa/inet.h>

#include "unit.h"
#include "addr.h"

static struct kftp_addr v4(const char *text, u16 port)
{
	struct kftp_addr addr = {};

	addr.in.sin_family = AF_INET;
	assert_int_equal(inet_pton(AF_INET, text, &addr.in.sin_addr), 1);
	kftp_addr_set_port(&addr, port);
	return addr;
}

static struct kftp_addr v6(const char *text, u16 port, u32 scope)
{
	struct kftp_addr addr = {};

	addr.in6.sin6_family = AF_INET6;
	assert_int_equal(inet_pton(AF_INET6, text, &addr.in6.sin6_addr), 1);
	addr.in6.sin6_scope_id = scope;
	kftp_addr_set_port(&addr, port);
	return addr;
}

static void check_command(struct kftp_addr addr, const char *command)
{
	char *buf = malloc(KFTP_ADDR_COMMAND_MAX);
	int len = kftp_addr_command(&addr, buf, KFTP_ADDR_COMMAND_MAX);

	assert_string_equal(buf, command);
	assert_int_equal(len, strlen(command));
	free(buf);
}

static void commands(void **state)
{
	(void)state;
	check_command(v4("192.0.2.1", 20), "PORT 192,0,2,1,0,20");
	check_command(v4("255.255.255.255", 65535),
		      "PORT 255,255,255,255,255,255");
	check_command(v6("2001:db8::1", 256, 0), "EPRT |2|2001:db8::1|256|");
	check_command(v6("fe80::1", 65535, 7), "EPRT |2|fe80::1|65535|");
	check_command(v6("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535, 0),
		      "EPRT |2|ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff|65535|");
}

/* What is written as RFC 5952 wants it comes out as it went in */
static void addresses_in_canonical_form(void **state)
{
	static const char *const texts[] = {
		"::", "::1", "1::", "1::2", "2001:db8::1", "fe80::1:0:0:1",
		"1:0:0:2::3", "1::2:0:0:3", "0:1:2:3:4:5:6:7", "1:2:3:4:5:6:7:0",
		"1:0:3:4:5:6:7:8", "::3:4:5:6:7:8", "1:2:3:4:5:6::",
		"1:2:3::6:7:8", "100:200:300:400:500:600:700:800", "100::",
		"abcd:ef01:2345:6789:abcd:ef01:2345:6789",
	};
	char command[KFTP_ADDR_COMMAND_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		snprintf(command, sizeof(command), "EPRT |2|%s|9|", texts[i]);
		check_command(v6(texts[i], 9, 0), command);
	}
}

static void a_command_that_does_not_fit(void **state)
{
	struct kftp_addr addr = v4("192.0.2.1", 20);
	size_t need = strlen("PORT 192,0,2,1,0,20") + 1;
	char *buf = malloc(need);

	(void)state;
	assert_int_equal(kftp_addr_command(&addr, buf, need - 1), -ENOSPC);
	assert_int_equal(kftp_addr_command(&addr, buf, need), need - 1);
	free(buf);
}

static void ports_and_lengths(void **state)
{
	struct kftp_addr a = v4("192.0.2.1", 0x1234);
	struct kftp_addr b = v6("::1", 0x1234, 0);

	(void)state;
	assert_int_equal(kftp_addr_port(&a), 0x1234);
	assert_int_equal(kftp_addr_port(&b), 0x1234);
	assert_int_equal(a.in.sin_port, htons(0x1234));
	assert_int_equal(kftp_addr_len(&a), sizeof(struct sockaddr_in));
	assert_int_equal(kftp_addr_len(&b), sizeof(struct sockaddr_in6));
}

static void mapped_addresses_are_ipv4(void **state)
{
	struct kftp_addr mapped = v6("::ffff:192.0.2.1", 21, 0);
	struct kftp_addr plain = v4("192.0.2.1", 21);
	struct kftp_addr real = v6("2001:db8::ffff:192.0.2.1", 21, 0);
	struct kftp_addr compatible = v6("::192.0.2.1", 21, 0);

	(void)state;
	kftp_addr_unmap(&mapped);
	assert_int_equal(mapped.sa.sa_family, AF_INET);
	assert_int_equal(kftp_addr_port(&mapped), 21);
	assert_true(kftp_addr_same_host(&mapped, &plain));
	kftp_addr_unmap(&plain);
	assert_int_equal(plain.sa.sa_family, AF_INET);
	/* what is behind an IPv4 address means nothing */
	plain = v6("::ffff:192.0.2.1", 21, 0);
	plain.sa.sa_family = AF_INET;
	kftp_addr_unmap(&plain);
	assert_int_equal(plain.in.sin_addr.s_addr, 0);
	kftp_addr_unmap(&real);
	assert_int_equal(real.sa.sa_family, AF_INET6);
	kftp_addr_unmap(&compatible);
	assert_int_equal(compatible.sa.sa_family, AF_INET6);
}

static void check_same(struct kftp_addr a, struct kftp_addr b, bool same)
{
	assert_int_equal(kftp_addr_same_host(&a, &b), same);
	assert_int_equal(kftp_addr_same_host(&b, &a), same);
}

static void same_hosts(void **state)
{
	const struct kftp_addr a = v6("2001:db8::1", 20, 0);
	const struct kftp_addr c = v4("192.0.2.1", 20);
	struct kftp_addr b, d;
	size_t i;

	(void)state;
	check_same(v4("192.0.2.1", 20), v4("192.0.2.1", 21), true);
	check_same(v4("192.0.2.1", 20), v4("192.0.2.3", 20), false);
	check_same(v6("2001:db8::1", 20, 0), v6("2001:db8::1", 21, 0), true);
	check_same(v6("2001:db8::1", 20, 0), v6("2001:db8::3", 20, 0), false);
	check_same(v6("fe80::1", 20, 2), v6("fe80::1", 20, 2), true);
	check_same(v6("fe80::1", 20, 2), v6("fe80::1", 20, 3), false);
	check_same(v4("0.0.0.0", 20), v6("::", 20, 0), false);
	for (i = 0; i < sizeof(a.in6.sin6_addr); i++) {
		b = a;
		b.in6.sin6_addr.s6_addr[i] ^= 1;
		check_same(a, b, false);
	}
	for (i = 0; i < sizeof(c.in.sin_addr); i++) {
		d = c;
		((unsigned char *)&d.in.sin_addr)[i] ^= 1;
		check_same(c, d, false);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands),
		cmocka_unit_test(addresses_in_canonical_form),
		cmocka_unit_test(a_command_that_does_not_fit),
		cmocka_unit_test(ports_and_lengths),
		cmocka_unit_test(mapped_addresses_are_ipv4),
		cmocka_unit_test(same_hosts),
	};

	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
