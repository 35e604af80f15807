/* SPDX-License-Identifier: MIT */
/*
 * errno is 0 when main begins, and what a call that succeeds finds in it stays: also in the calls
 * that only ask or tidy up.
 */
#include "check.h"

#include <pthread.h>
#include <sys/wait.h>

static void *nothing(void *argument)
{
    return argument;
}

#define CHECK_KEPT(call)                                                                           \
    do {                                                                                           \
        errno = 4711;                                                                              \
        call;                                                                                      \
        CHECK_EQ(errno, 4711);                                                                     \
    } while (0)

static void glibc_names(FILE *null)
{
    pthread_t thread;
    CHECK_KEPT(free(opaque(malloc(100))));
    CHECK_KEPT(free(opaque(calloc(3, 50 * KIB))));
    CHECK_KEPT(free(realloc(opaque(malloc(100)), 5 * MIB)));
    CHECK_KEPT(free(opaque(aligned_alloc(4096, 64 * KIB))));
    CHECK_KEPT(free(NULL));
    CHECK_KEPT((void)malloc_usable_size(NULL));
    CHECK_KEPT((void)mallinfo2());
    CHECK_KEPT((void)malloc_trim(0));
    CHECK_KEPT((void)mallopt(M_MXFAST, 64));
    CHECK_KEPT((void)malloc_info(0, null));
    CHECK_EQ(pthread_create(&thread, NULL, nothing, NULL), 0);
    CHECK_KEPT(pthread_join(thread, NULL));
    void *block;
    errno = 4711;
    CHECK_EQ(posix_memalign(&block, 64, PTRDIFF_LIMIT), ENOMEM);
    CHECK_EQ(posix_memalign(&block, 24, 100), EINVAL);
    CHECK_EQ(errno, 4711);
}

static void own_names(void)
{
    size_t (*trim)(void) = (size_t(*)(void))(uintptr_t)API_FUNCTION(hak_trim);
    int (*check)(void) = (int (*)(void))(uintptr_t)API_FUNCTION(hak_check);
    size_t (*json)(char *,
                   size_t) = (size_t(*)(char *, size_t))(uintptr_t)API_FUNCTION(hak_stats_json);
    struct hak_heap *(*heap_new)(void) = (struct hak_heap *
                                          (*)(void))(uintptr_t)API_FUNCTION(hak_heap_new);
    void (*destroy)(struct hak_heap *) = (void (*)(struct hak_heap *))(uintptr_t)API_FUNCTION(
        hak_heap_destroy);
    CHECK_KEPT((void)trim());
    CHECK_KEPT(CHECK_EQ(check(), 0));
    CHECK_KEPT((void)json(NULL, 0));
    struct hak_heap *heap;
    CHECK_KEPT(heap = heap_new());
    CHECK(heap != NULL);
    CHECK_KEPT(destroy(heap));
}

int main(void)
{
    CHECK_EQ(errno, 0);
    bool own = api_is_hakmem();
    FILE *null = fopen("/dev/null", "w");
    CHECK(null != NULL);
    fputc(' ', null);
    glibc_names(null);
    if (own)
        own_names();
    fclose(null);
    errno = 4711;
    pid_t child = fork();
    if (child == 0)
        _exit(errno != 4711);
    CHECK_EQ(errno, 4711);
    int status;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    return 0;
}
