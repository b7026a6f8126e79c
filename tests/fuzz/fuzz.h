/* SPDX-License-Identifier: GPL-2.0 */
/* What the fuzzed programs share */
#ifndef _KFTP_FUZZ_H
#define _KFTP_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pure.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* What libFuzzer calls */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* Says what does not hold, and with which values, and is a find */
#define HOLDS(condition, ...)						\
	do {								\
		if (!(condition)) {					\
			fprintf(stderr, "broken: %s: ", #condition);	\
			fprintf(stderr, __VA_ARGS__);			\
			fputc('\n', stderr);				\
			abort();					\
		}							\
	} while (0)

/* A copy of just its size, so that ASan sees a read beyond it */
static inline char *exactly(const char *bytes, size_t len)
{
	char *copy = malloc(len ? len : 1);

	memcpy(copy, bytes, len);
	return copy;
}

/* Bytes that the input is made of, taken one after the other; 0 from its end on */
struct input {
	const u8 *data;
	size_t size;
};

static inline void take(struct input *in, void *to, size_t len)
{
	size_t there = len < in->size ? len : in->size;

	memset(to, 0, len);
	if (!there)
		return;
	memcpy(to, in->data, there);
	in->data += there;
	in->size -= there;
}

/*
 * Long texts out of short inputs: ESC and a byte repeat what is before them, the
 * last byte 16 times as often as the byte says, FS and a byte the last line; ESC
 * NUL is an ESC, FS NUL an FS. Returns how many bytes there are then, up to @max.
 */
static inline size_t expand(const u8 *data, size_t size, char *out,
			    size_t max)
{
	size_t len = 0, line = 0, i, n;

	for (i = 0; i < size && len < max; i++) {
		u8 c = data[i];

		if ((c != 0x1b && c != 0x1c) || i + 1 == size) {
			if (len && out[len - 1] == '\n')
				line = len;
			out[len++] = c;
			continue;
		}
		n = data[++i];
		if (!n) {
			out[len++] = c;
		} else if (c == 0x1b) {
			for (n *= 16; len && n-- && len < max; len++)
				out[len] = out[len - 1];
		} else {
			size_t from = line, bytes = len - line;

			while (n-- && len + bytes <= max) {
				memcpy(out + len, out + from, bytes);
				line = len;
				len += bytes;
			}
		}
	}
	return len;
}

#endif /* _KFTP_FUZZ_H */
