/* SPDX-License-Identifier: MIT */
/* The names of owned heaps, found at run time: the library may be preloaded. */
#ifndef TESTS_ABORT_HEAP_MISUSE_H
#define TESTS_ABORT_HEAP_MISUSE_H

#include "misuse.h"

#include <dlfcn.h>

struct hak_heap;

static inline void *name_of(const char *name)
{
    void *address = dlsym(RTLD_DEFAULT, name);
    if (address == NULL) {
        fprintf(stderr, "heap_misuse.h: no %s\n", name);
        exit(2);
    }
    return address;
}

static inline struct hak_heap *heap_new(void)
{
    return ((struct hak_heap * (*)(void)) name_of("hak_heap_new"))();
}

static inline void *heap_malloc(struct hak_heap *heap, size_t size)
{
    return ((void *(*)(struct hak_heap *, size_t))name_of("hak_heap_malloc"))(heap, size);
}

static inline void heap_destroy(struct hak_heap *heap)
{
    ((void (*)(struct hak_heap *))name_of("hak_heap_destroy"))(heap);
}

#endif
