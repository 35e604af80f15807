/* SPDX-License-Identifier: MIT */
/*
 * The programs and libraries of a target: their place in memory, and the build-id by which their
 * symbols are found.
 */
#ifndef HAK_CLI_MODULES_H
#define HAK_CLI_MODULES_H

#include "heap/target.h"

#define BUILD_ID_MAX 32

/* Purpose: one file that a target has mapped. Invariant: start < end. */
struct module {
    const char *path; /* as the kernel names it; printable */
    const char *name; /* its last part */
    bool is_deleted;
    uint64_t start;       /* of its first mapping */
    uint64_t end;         /* of its last */
    uint64_t first_end;   /* of its first mapping */
    uint64_t file_offset; /* of `start` */
    uint8_t build_id[BUILD_ID_MAX];
    size_t build_id_size; /* 0: none, or not in memory */
};

struct modules {
    struct module *list; /* sorted by address */
    size_t count;
};

/* Those that have code. They keep copies of the paths: the target may be closed. */
void modules_find(struct modules *modules, struct target *target);
void modules_free(struct modules *modules);
/* The module at an address, or NULL. */
const struct module *modules_at(const struct modules *modules, uint64_t address);

#endif
