// SPDX-License-Identifier: GPL-2.0
/*
 * Only for tests: writes a secret to a file, and keeps no copy of it.
 *
 *	give [-c] [-k] [-p TEXT] [-s TEXT] FILE SHARE SHARE
 *
 * The secret is what two hexadecimal numbers differ in, bit by bit: neither
 * command line nor script has it. It is put together on the stack, with TEXT
 * before or after it, and wiped there.
 *	-c	carelessly: leaves copies in memory that it frees, to show that
 *		such are found
 *	-k	keeps FILE open, and waits, until standard input ends
 * Exit status: 0, or 1 where the write was refused; the error is on standard
 * output.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned int nibble(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

static size_t add(char *to, size_t at, const char *text)
{
	memcpy(to + at, text, strlen(text));
	return at + strlen(text);
}

static size_t decode(char *to, size_t at, const char *one, const char *other)
{
	for (; one[0] && one[1]; one += 2, other += 2)
		to[at++] = (nibble(one[0]) ^ nibble(other[0])) << 4 |
			   (nibble(one[1]) ^ nibble(other[1]));
	return at;
}

int main(int argc, char **argv)
{
	const char *before = "", *after = "";
	bool careless = false, keeps = false;
	char secret[4096];
	size_t len = 0;
	ssize_t wrote;
	int fd, opt;

	while ((opt = getopt(argc, argv, "ckp:s:")) != -1) {
		switch (opt) {
		case 'c':
			careless = true;
			break;
		case 'k':
			keeps = true;
			break;
		case 'p':
			before = optarg;
			break;
		case 's':
			after = optarg;
			break;
		default:
			return 2;
		}
	}
	if (argc - optind != 3 || strlen(argv[optind + 1]) > 4000 ||
	    strlen(argv[optind + 1]) != strlen(argv[optind + 2]))
		return 2;

	fd = open(argv[optind], O_WRONLY);
	if (fd < 0) {
		puts(strerror(errno));
		return 1;
	}
	len = add(secret, len, before);
	len = decode(secret, len, argv[optind + 1], argv[optind + 2]);
	len = add(secret, len, after);
	wrote = write(fd, secret, len);
	if (wrote < 0)
		puts(strerror(errno));
	if (careless) {
		size_t size = 1 << 20, at;
		char *copies = malloc(size);

		/* many, as some of what is freed is soon in use again */
		for (at = 0; copies && at + sizeof(secret) <= size; at += 4096)
			memcpy(copies + at, secret, len);
		__asm__ volatile("" : : "r"(copies) : "memory");
	}
	explicit_bzero(secret, sizeof(secret));
	if (keeps) {
		char c;

		fflush(stdout);
		while (read(0, &c, 1) > 0)
			;
	}
	close(fd);
	return wrote < 0;
}
