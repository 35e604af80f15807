/* SPDX-License-Identifier: MIT */
/*
 * The first calls come from .preinit_array and from a constructor of the highest priority, each by
 * another entry point; a constructor starts a thread that allocates; destructors of every priority
 * and atexit handlers allocate and free until the very end of the process.
 */
#include "check.h"

#include <pthread.h>

static void *from_preinit, *from_constructor, *from_thread, *for_destructor;
static size_t early_usable;

static void preinit(void)
{
    early_usable = malloc_usable_size(opaque(NULL));
    free(opaque(NULL));
    from_preinit = calloc(opaque_size(10), 30);
}

__attribute__((section(".preinit_array"), used)) static void (*preinit_entry)(void) = preinit;

static void *allocate_in_thread(void *unused)
{
    (void)unused;
    from_thread = realloc(opaque(NULL), opaque_size(5000));
    return NULL;
}

__attribute__((constructor(101))) static void construct(void)
{
    if (posix_memalign(&from_constructor, 4096, opaque_size(100)) != 0)
        from_constructor = NULL;
    pthread_t thread;
    if (pthread_create(&thread, NULL, allocate_in_thread, NULL) == 0)
        pthread_join(thread, NULL);
}

static void allocate_late(const char *where)
{
    for (size_t size = 1; size < 4 * MIB; size = size * 7 + 1) {
        char *block = malloc(opaque_size(size));
        if (block == NULL)
            check_fail(__FILE__, __LINE__, "malloc(%zu) failed %s", size, where);
        pattern_fill_sparse(block, size, size);
        block = realloc(block, size * 2);
        if (block == NULL || !pattern_sparse_holds(block, size, size, size))
            check_fail(__FILE__, __LINE__, "realloc(%zu) failed %s", size, where);
        free(block);
    }
}

__attribute__((destructor(101))) static void destruct_last(void)
{
    allocate_late("in the last destructor");
    free(for_destructor);
}

__attribute__((destructor)) static void destruct(void)
{
    allocate_late("in a destructor");
}

static void at_exit(void)
{
    allocate_late("in atexit's handler");
}

static void on_exit_handler(int status, void *argument)
{
    CHECK_EQ(status, 0);
    CHECK(pattern_holds(argument, 600, 6));
    free(argument);
}

int main(void)
{
    CHECK_EQ(early_usable, 0);
    CHECK(from_preinit != NULL && is_zero(from_preinit, 300));
    CHECK(from_constructor != NULL && is_aligned(from_constructor, 4096));
    CHECK(from_thread != NULL);
    free(from_preinit);
    free(from_constructor);
    free(from_thread);
    for_destructor = malloc(777);
    void *for_handler = malloc(600);
    CHECK(for_destructor != NULL && for_handler != NULL);
    pattern_fill(for_handler, 600, 6);
    CHECK_EQ(atexit(at_exit), 0);
    CHECK_EQ(on_exit(on_exit_handler, for_handler), 0);
    for (int i = 0; i < 100; i++) /* more than fit into libc's static table: it allocates */
        CHECK_EQ(atexit(at_exit), 0);
    return 0;
}
