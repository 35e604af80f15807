/* SPDX-License-Identifier: MIT */
/*
 * The parts of `memory of others`: the mappings that are not the heap's, by kind.
 */
#ifndef HAK_CLI_OTHERS_H
#define HAK_CLI_OTHERS_H

#include "heap/view.h"

#define OTHERS_KINDS(X)                                                                            \
    X(CODE, "code", "code and static data")                                                        \
    X(STACKS, "stacks", "stacks")                                                                  \
    X(FILES, "files", "mapped files")                                                              \
    X(SHARED, "shared", "shared memory")                                                           \
    X(BRK, "brk", "the heap of brk()")                                                             \
    X(ANONYMOUS, "anonymous", "other anonymous memory")

enum others_kind {
#define ROW(name, key, label) OTHERS_##name,
    OTHERS_KINDS(ROW)
#undef ROW
        OTHERS_COUNT
};
extern const char *const others_keys[OTHERS_COUNT];   /* in JSON and metrics */
extern const char *const others_labels[OTHERS_COUNT]; /* for people */

/* Resident bytes by kind; they add up to the term `others` of the same look. If a thread is
 * running, its stack is not known and counts as another mapping. All 0 in a core. */
void others_count(const struct heap_view *view, uint64_t bytes[OTHERS_COUNT]);

#endif
