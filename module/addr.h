/* SPDX-License-Identifier: GPL-2.0 */
/* Addresses: what PORT and EPRT say, and who is who */
#ifndef _KFTP_ADDR_H
#define _KFTP_ADDR_H

#include "pure.h"

/* Eight groups with colons between them, and the end of the string */
#define KFTP_ADDR_IPV6_MAX	(8 * 4 + 7 + 1)

/* "EPRT |2|" address "|65535|" */
#define KFTP_ADDR_COMMAND_MAX	(8 + KFTP_ADDR_IPV6_MAX + 7)

/**
 * struct kftp_addr - the address of an IPv4 or IPv6 endpoint
 * @sa: as the socket calls take it
 * @in: if sa.sa_family is AF_INET
 * @in6: if sa.sa_family is AF_INET6
 */
struct kftp_addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	};
};

size_t kftp_addr_len(const struct kftp_addr *addr);
u16 kftp_addr_port(const struct kftp_addr *addr);
void kftp_addr_set_port(struct kftp_addr *addr, u16 port);
void kftp_addr_unmap(struct kftp_addr *addr);
bool kftp_addr_same_host(const struct kftp_addr *a, const struct kftp_addr *b);
int kftp_addr_command(const struct kftp_addr *addr, char *buf, size_t size);

#endif /* _KFTP_ADDR_H */
