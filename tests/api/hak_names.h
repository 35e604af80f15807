/* SPDX-License-Identifier: MIT */
/*
 * The hak_* functions, reached by name: `hak.malloc(10)` calls hak_malloc. Linked builds take their
 * addresses (so a name missing from the library fails to link), the preload build asks dlsym.
 */
#ifndef TESTS_API_HAK_NAMES_H
#define TESTS_API_HAK_NAMES_H

#include "check.h"

#define HAK_FUNCTIONS(X)                                                                           \
    X(malloc)                                                                                      \
    X(calloc)                                                                                      \
    X(realloc)                                                                                     \
    X(reallocarray)                                                                                \
    X(reallocf)                                                                                    \
    X(free)                                                                                        \
    X(free_sized)                                                                                  \
    X(free_aligned_sized)                                                                          \
    X(aligned_alloc)                                                                               \
    X(posix_memalign)                                                                              \
    X(usable_size)                                                                                 \
    X(alloc_at)                                                                                    \
    X(site_stats)                                                                                  \
    X(good_size)                                                                                   \
    X(set_limit)                                                                                   \
    X(profile_start)                                                                               \
    X(profile_stop)                                                                                \
    X(trim)                                                                                        \
    X(check)                                                                                       \
    X(version)                                                                                     \
    X(stats)                                                                                       \
    X(stats_json)                                                                                  \
    X(heap_new)                                                                                    \
    X(heap_malloc)                                                                                 \
    X(heap_calloc)                                                                                 \
    X(heap_realloc)                                                                                \
    X(heap_aligned_alloc)                                                                          \
    X(heap_destroy)

#define HAK_MEMBER(name) __typeof__(&hak_##name) name;
struct hak_functions {
    HAK_FUNCTIONS(HAK_MEMBER)
};
#undef HAK_MEMBER

static struct hak_functions hak;

/* Finds all of them. False: the allocator is another one, and that is allowed. */
static inline bool hak_find(void)
{
    if (!api_is_hakmem())
        return false;
#define HAK_FIND(name)                                                                             \
    hak.name = API_FUNCTION(hak_##name);                                                           \
    if (hak.name == NULL)                                                                          \
        check_fail(__FILE__, __LINE__, "hak_%s is not there", #name);
    HAK_FUNCTIONS(HAK_FIND)
#undef HAK_FIND
    return true;
}

#endif
