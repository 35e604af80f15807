/* SPDX-License-Identifier: MIT */
/*
 * Reads a profile in pprof's form, from any program. Nothing in it is believed, and its size bounds
 * the work.
 */
#ifndef HAK_CLI_PPROF_READ_H
#define HAK_CLI_PPROF_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One function of a stack. Text is printable. */
struct pprof_frame {
    const char *function; /* never NULL */
    const char *file;     /* NULL: not known */
    uint32_t line;
};

/* Purpose: the file. Invariant: each sample has type_count values; the numbers of strings,
 * functions and locations that occur in it are there. */
struct pprof_profile {
    unsigned char *bytes; /* unpacked */
    size_t size;
    char **strings;
    size_t string_count;
    struct pprof_function *functions; /* sorted by number, as locations are */
    size_t function_count;
    struct pprof_location *locations;
    size_t location_count;
    struct pprof_slice *samples;
    size_t sample_count;
    const char **types; /* "inuse_space" */
    size_t type_count;
    uint64_t time_ns; /* since 1970; 0: not known */
    uint64_t period;  /* of a heap profile: bytes from sample to sample */
    size_t left;      /* frames that may still be read */
};

/* Read a file. If it is no profile or is damaged, writes one line that begins with `command`, and
 * returns false. */
bool pprof_open(struct pprof_profile *profile, const char *command, const char *path);
void pprof_close(struct pprof_profile *profile);
/* Does the file begin like a packed one? */
bool pprof_is_packed(const char *path);
/* Parse an unpacked profile; it takes the bytes, which must come from memory_resize. False: it is
 * damaged; it needs closing in any case. */
bool pprof_parse(struct pprof_profile *profile, unsigned char *bytes, size_t size);

/* The index of a type of values; type_count: there is none of that name. */
size_t pprof_type(const struct pprof_profile *profile, const char *name);
/* Call `take` for each sample: its frames, innermost first. False: there are too many frames. */
typedef void pprof_take(void *state, const struct pprof_frame *frames, size_t count,
                        const int64_t *values);
bool pprof_each(struct pprof_profile *profile, pprof_take *take, void *state);

#endif
