// SPDX-License-Identifier: GPL-2.0
/*
 * Addresses as FTP writes them: PORT of RFC 959 section 4.1.2, EPRT of
 * RFC 2428 section 2. Pure: see pure.h.
 */
#include "addr.h"

/**
 * kftp_addr_len - how long the address is, for the socket calls
 * @addr: an IPv4 or IPv6 address
 *
 * Return: bytes.
 */
size_t kftp_addr_len(const struct kftp_addr *addr)
{
	return addr->sa.sa_family == AF_INET ? sizeof(addr->in) : sizeof(addr->in6);
}

/**
 * kftp_addr_port - the port, in host byte order
 * @addr: an IPv4 or IPv6 address
 *
 * Return: the port.
 */
u16 kftp_addr_port(const struct kftp_addr *addr)
{
	return ntohs(addr->sa.sa_family == AF_INET ? addr->in.sin_port :
						     addr->in6.sin6_port);
}

/**
 * kftp_addr_set_port - change the port
 * @addr: an IPv4 or IPv6 address
 * @port: in host byte order
 */
void kftp_addr_set_port(struct kftp_addr *addr, u16 port)
{
	if (addr->sa.sa_family == AF_INET)
		addr->in.sin_port = htons(port);
	else
		addr->in6.sin6_port = htons(port);
}

/**
 * kftp_addr_unmap - make an IPv4-mapped IPv6 address the IPv4 address it means
 * @addr: an IPv4 or IPv6 address
 *
 * A server reached over IPv4 wants PORT, however its address was written.
 */
void kftp_addr_unmap(struct kftp_addr *addr)
{
	static const u8 mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct sockaddr_in in = { .sin_family = AF_INET };

	if (addr->sa.sa_family != AF_INET6 ||
	    memcmp(&addr->in6.sin6_addr, mapped, sizeof(mapped)))
		return;
	in.sin_port = addr->in6.sin6_port;
	memcpy(&in.sin_addr, addr->in6.sin6_addr.s6_addr + sizeof(mapped),
	       sizeof(in.sin_addr));
	addr->in = in;
}

/**
 * kftp_addr_same_host - are two endpoints on one host, whatever their ports?
 * @a: an endpoint
 * @b: another
 *
 * Return: true if the addresses and, where they matter, the scopes are equal.
 */
bool kftp_addr_same_host(const struct kftp_addr *a, const struct kftp_addr *b)
{
	if (a->sa.sa_family != b->sa.sa_family)
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	return !memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr,
		       sizeof(a->in6.sin6_addr)) &&
	       a->in6.sin6_scope_id == b->in6.sin6_scope_id;
}

/*
 * RFC 5952: servers compare this text with what they call their client. The
 * longest run of two or more zero groups is left out, the first of several.
 */
static void ipv6_text(const u8 *addr, char text[KFTP_ADDR_IPV6_MAX])
{
	int zeros = 0, gap = -1, gap_len = 1;
	int i, len = 0;

	for (i = 0; i < 8; i++) {
		zeros = addr[2 * i] || addr[2 * i + 1] ? 0 : zeros + 1;
		if (zeros > gap_len) {
			gap_len = zeros;
			gap = i + 1 - zeros;
		}
	}
	for (i = 0; i < 8; i++) {
		if (i == gap) {
			text[len++] = ':';
			text[len++] = ':';
			i += gap_len - 1;
			continue;
		}
		if (i && i != gap + gap_len)
			text[len++] = ':';
		len += snprintf(&text[len], KFTP_ADDR_IPV6_MAX - len, "%x",
				addr[2 * i] << 8 | addr[2 * i + 1]);
	}
	text[len] = '\0';
}

/**
 * kftp_addr_command - the command that tells the server where to connect
 * @addr: where the data connection is listened for
 * @buf: for the command, without CR LF; KFTP_ADDR_COMMAND_MAX bytes suffice
 * @size: of @buf
 *
 * The scope of a link-local address is left out: it means nothing to the peer.
 *
 * Return: the command's length, or -ENOSPC.
 */
int kftp_addr_command(const struct kftp_addr *addr, char *buf, size_t size)
{
	u16 port = kftp_addr_port(addr);
	char text[KFTP_ADDR_IPV6_MAX];
	const u8 *a;
	int len;

	if (addr->sa.sa_family == AF_INET) {
		a = (const u8 *)&addr->in.sin_addr;
		len = snprintf(buf, size, "PORT %u,%u,%u,%u,%u,%u",
			       a[0], a[1], a[2], a[3], port >> 8, port & 0xff);
	} else {
		ipv6_text(addr->in6.sin6_addr.s6_addr, text);
		len = snprintf(buf, size, "EPRT |2|%s|%u|", text, port);
	}
	return (size_t)len < size ? len : -ENOSPC;
}
