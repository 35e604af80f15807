/* SPDX-License-Identifier: MIT */
/*
 * The names of a profile's addresses. A child of the command finds them: if a file of the target
 * makes the child crash or hang, names are missing, and nothing else happens.
 */
#ifndef HAK_CLI_SYMBOLS_H
#define HAK_CLI_SYMBOLS_H

#include "heap/profile_view.h"
#include "sites/modules.h"

/* One function at an address. Text is printable. */
struct frame {
    const char *function;        /* never NULL: without a symbol, "MODULE+0xOFFSET" */
    const char *file;            /* NULL: not known */
    const struct module *module; /* NULL: in no file */
    uint64_t address;
    uint32_t line;
    bool is_named;   /* by a symbol */
    bool is_inlined; /* into the next frame */
};

/* Purpose: the names. Invariant: addresses are sorted, and the frames of addresses[i] are those
 * from first[i] to before first[i + 1]. */
struct symbols {
    struct modules modules;
    uint64_t *addresses;
    size_t *first;
    size_t count;
    struct frame *frames;
    size_t frame_count;
    char *text;        /* the child's answer, with the names */
    bool is_cut_short; /* the answer is not complete */
};

/* Name all addresses of a profile. */
void symbols_find(struct symbols *symbols, struct target *target,
                  const struct profile_view *copied);
/* The same with the modules that were found before, which now belong to `symbols`; `pid` 0: the
 * process has ended. */
void symbols_find_in(struct symbols *symbols, const struct modules *modules, pid_t pid,
                     const struct profile_view *copied);
void symbols_free(struct symbols *symbols);
/* The functions at an address of the profile, innermost first; at least one. */
const struct frame *symbols_at(const struct symbols *symbols, uint64_t address, size_t *count);
/* The place of an address among symbols->addresses; symbols->count: it is not among them. */
size_t symbols_number(const struct symbols *symbols, uint64_t address);
/* A line on standard error about files without symbols; nothing where all have some. */
void symbols_say_missing(const struct symbols *symbols, const char *command);

#endif
