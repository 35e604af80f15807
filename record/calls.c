/* SPDX-License-Identifier: MIT */
/*
 * The names with which libhakmem_record.so comes before the allocator: those of C, POSIX, glibc,
 * BSD, and the C++ operators. Each passes the call on to the next library that has the name, and
 * reports it to the recorder and the counter: a new block after the call, a freed one before, so
 * that its address cannot belong to another block yet. A call inside a call (an operator that is
 * built on malloc, a signal handler) is passed on but not reported again.
 */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "counter.h"
#include "recorder.h"

#define exported __attribute__((visibility("default")))

/* ---- Before the allocator is found: dlsym may allocate ---- */

#define EARLY_BYTES 8192
#define EARLY_ALIGN 16

static _Alignas(EARLY_ALIGN) char early[EARLY_BYTES];
static size_t early_used;

static bool is_early(const void *block)
{
    return (uintptr_t)block - (uintptr_t)early < sizeof early;
}

static void *early_malloc(size_t size)
{
    if (size > sizeof early - early_used)
        return NULL;
    void *block = early + early_used;
    early_used += (size + EARLY_ALIGN - 1) / EARLY_ALIGN * EARLY_ALIGN;
    return block;
}

static void *early_calloc(size_t count, size_t size)
{
    return early_malloc(count * size); /* this memory is never used again, so it is zero */
}

static size_t early_usable(void *block)
{
    (void)block;
    return 0;
}

static void early_free(void *block)
{
    (void)block;
}

static void *early_realloc(void *block, size_t size)
{
    void *moved = early_malloc(size);
    return moved && block ? memmove(moved, block, size) : moved;
}

static void *early_memalign(size_t alignment, size_t size)
{
    return alignment <= EARLY_ALIGN ? early_malloc(size) : NULL;
}

/* ---- The next library ---- */

/* The functions to which calls are passed on. Set once, at the first call, when there is one
 * thread. */
static struct next {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void (*free)(void *);
    void *(*memalign)(size_t, size_t);
    void *(*aligned_alloc)(size_t, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
    size_t (*usable)(void *);
} next = {early_malloc,   early_calloc,   early_realloc, early_free,
          early_memalign, early_memalign, NULL,          early_usable};

static bool is_resolved;
static __thread bool is_inside;

static uintptr_t find(const char *name)
{
    return (uintptr_t)dlsym(RTLD_NEXT, name);
}

static void begin(void)
{
    recorder_start();
    if (next.usable)
        counter_start();
}

static void resolve(void)
{
    struct next found = {
        .malloc = (void *(*)(size_t))find("malloc"),
        .calloc = (void *(*)(size_t, size_t))find("calloc"),
        .realloc = (void *(*)(void *, size_t))find("realloc"),
        .free = (void (*)(void *))find("free"),
        .memalign = (void *(*)(size_t, size_t))find("memalign"),
        .aligned_alloc = (void *(*)(size_t, size_t))find("aligned_alloc"),
        .posix_memalign = (int (*)(void **, size_t, size_t))find("posix_memalign"),
        .usable = (size_t(*)(void *))find("malloc_usable_size"),
    };
    next = found;
    is_resolved = true;
    begin();
}

static bool enter(void)
{
    if (is_inside)
        return false;
    is_inside = true;
    if (!is_resolved)
        resolve();
    return true;
}

/* Also when a C++ exception passes through. */
static void leave(const bool *is_outer)
{
    if (*is_outer)
        is_inside = false;
}

/* In each exported function: is this call to be recorded? */
#define ENTER const bool is_outer __attribute__((cleanup(leave))) = enter()

__attribute__((constructor)) static void start(void)
{
    ENTER;
    if (is_outer)
        begin();
}

/* ---- Reports to the recorder and the counter ---- */

static void count(enum operation operation, const void *block)
{
    if (block && counter_is_on())
        counter_add(operation, next.usable((void *)(uintptr_t)block));
}

static void tell_new(enum trace_op op, const void *block, size_t size, size_t alignment)
{
    recorder_add(op, block, size, alignment);
    count(op == TRACE_MALLOC   ? OPERATION_MALLOC
          : op == TRACE_CALLOC ? OPERATION_CALLOC
                               : OPERATION_ALIGNED,
          block);
}

static void tell_free(const void *block)
{
    count(OPERATION_FREE, block);
    recorder_remove(block);
}

/* ---- malloc, calloc, free ---- */

exported void *malloc(size_t size)
{
    ENTER;
    void *block = next.malloc(size);
    if (is_outer)
        tell_new(TRACE_MALLOC, block, size, 0);
    return block;
}

exported void *calloc(size_t count, size_t size)
{
    ENTER;
    void *block = next.calloc(count, size);
    if (is_outer)
        tell_new(TRACE_CALLOC, block, count * size, 0);
    return block;
}

exported void free(void *block)
{
    ENTER;
    if (is_early(block))
        return;
    if (is_outer)
        tell_free(block);
    next.free(block);
}

/* Names that some allocators and libraries have; each is a plain free. */
exported void cfree(void *block);
void cfree(void *block)
{
    free(block);
}

exported void free_sized(void *block, size_t size);
void free_sized(void *block, size_t size)
{
    (void)size;
    free(block);
}

exported void free_aligned_sized(void *block, size_t alignment, size_t size);
void free_aligned_sized(void *block, size_t alignment, size_t size)
{
    (void)alignment;
    (void)size;
    free(block);
}

/* ---- realloc ---- */

static void *move_early(void *block, size_t size)
{
    size_t room = (size_t)(early + sizeof early - (char *)block);
    void *moved = malloc(size);
    return moved ? memcpy(moved, block, size < room ? size : room) : NULL;
}

exported void *realloc(void *block, size_t size)
{
    if (is_early(block))
        return move_early(block, size);
    ENTER;
    uint64_t slot = is_outer ? recorder_detach(block) : RECORDER_UNKNOWN;
    if (is_outer && size == 0)
        count(OPERATION_FREE, block);
    void *moved = next.realloc(block, size);
    if (!is_outer)
        return moved;
    if (size > 0 || !block)
        count(block ? OPERATION_REALLOC : OPERATION_MALLOC, moved);
    if (moved)
        recorder_resized(slot, moved, size);
    else if (size == 0)
        recorder_freed(slot);
    else
        recorder_attach(slot, block);
    return moved;
}

exported void *reallocarray(void *block, size_t count, size_t size)
{
    size_t total;
    if (!__builtin_mul_overflow(count, size, &total))
        return realloc(block, total);
    errno = ENOMEM;
    return NULL;
}

exported void *reallocf(void *block, size_t size);
void *reallocf(void *block, size_t size)
{
    void *moved = realloc(block, size);
    if (!moved && size != 0)
        free(block);
    return moved;
}

/* ---- Aligned ---- */

exported void *memalign(size_t alignment, size_t size)
{
    ENTER;
    void *block = next.memalign(alignment, size);
    if (is_outer)
        tell_new(TRACE_ALIGNED, block, size, alignment);
    return block;
}

exported void *aligned_alloc(size_t alignment, size_t size)
{
    ENTER;
    void *block = next.aligned_alloc(alignment, size);
    if (is_outer)
        tell_new(TRACE_ALIGNED, block, size, alignment);
    return block;
}

exported int posix_memalign(void **out, size_t alignment, size_t size)
{
    ENTER;
    int error = next.posix_memalign ? next.posix_memalign(out, alignment, size) : ENOMEM;
    if (is_outer && error == 0)
        tell_new(TRACE_ALIGNED, *out, size, alignment);
    return error;
}

exported void *valloc(size_t size)
{
    return memalign((size_t)getpagesize(), size);
}

exported void *pvalloc(size_t size)
{
    size_t page = (size_t)getpagesize();
    if (size <= PTRDIFF_MAX)
        return memalign(page, (size + page - 1) / page * page);
    errno = ENOMEM;
    return NULL;
}

/* ---- C++ ---- */

/* The operators if no library after us has them (as in a C program that loads a C++ plugin
 * privately): new is malloc, and delete is free. */
static void *plain_new(size_t size)
{
    void *block = next.malloc(size);
    if (!block)
        abort();
    return block;
}

static void *plain_new_aligned(size_t size, size_t alignment)
{
    void *block = next.memalign(alignment, size);
    if (!block)
        abort();
    return block;
}

static void *plain_nothrow(size_t size, const void *nothrow)
{
    (void)nothrow;
    return next.malloc(size);
}

static void *plain_nothrow_aligned(size_t size, size_t alignment, const void *nothrow)
{
    (void)nothrow;
    return next.memalign(alignment, size);
}

typedef void *(*new_1)(size_t);
typedef void *(*new_aligned)(size_t, size_t);
typedef void *(*new_nothrow)(size_t, const void *);
typedef void *(*new_aligned_nothrow)(size_t, size_t, const void *);

/* The operator of the next library, looked up at its first call. All are called through the types
 * above, as in the C++ ABI. */
static uintptr_t operator_of(uintptr_t *known, const char *name, uintptr_t plain)
{
    uintptr_t found = __atomic_load_n(known, __ATOMIC_RELAXED);
    if (found)
        return found;
    found = find(name);
    if (!found)
        found = plain;
    __atomic_store_n(known, found, __ATOMIC_RELAXED);
    return found;
}

#define NEW(name, type, plain, op, alignment, parameters, ...)                                     \
    exported void *name parameters;                                                                \
    void *name parameters                                                                          \
    {                                                                                              \
        static uintptr_t known;                                                                    \
        ENTER;                                                                                     \
        void *block = ((type)operator_of(&known, #name, (uintptr_t)(plain)))(__VA_ARGS__);         \
        if (is_outer)                                                                              \
            tell_new(op, block, size, alignment);                                                  \
        return block;                                                                              \
    }
#define NEW_PLAIN(name) NEW(name, new_1, plain_new, TRACE_MALLOC, 0, (size_t size), size)
#define NEW_NOTHROW(name)                                                                          \
    NEW(name, new_nothrow, plain_nothrow, TRACE_MALLOC, 0, (size_t size, const void *nothrow),     \
        size, nothrow)
#define NEW_ALIGNED(name)                                                                          \
    NEW(name, new_aligned, plain_new_aligned, TRACE_ALIGNED, alignment,                            \
        (size_t size, size_t alignment), size, alignment)
#define NEW_ALIGNED_NOTHROW(name)                                                                  \
    NEW(name, new_aligned_nothrow, plain_nothrow_aligned, TRACE_ALIGNED, alignment,                \
        (size_t size, size_t alignment, const void *nothrow), size, alignment, nothrow)

/* All forms of delete get the block first. A size, an alignment, or both may follow: two registers
 * are passed on, and a form with fewer arguments does not read them. */
typedef void (*delete_any)(void *, size_t, size_t);

#define DELETE(name)                                                                               \
    exported void name(void *block, size_t second, size_t third);                                  \
    void name(void *block, size_t second, size_t third)                                            \
    {                                                                                              \
        static uintptr_t known;                                                                    \
        ENTER;                                                                                     \
        if (is_early(block))                                                                       \
            return;                                                                                \
        if (is_outer)                                                                              \
            tell_free(block);                                                                      \
        ((delete_any)operator_of(&known, #name, (uintptr_t)next.free))(block, second, third);      \
    }

NEW_PLAIN(_Znwm)
NEW_PLAIN(_Znam)
NEW_NOTHROW(_ZnwmRKSt9nothrow_t)
NEW_NOTHROW(_ZnamRKSt9nothrow_t)
NEW_ALIGNED(_ZnwmSt11align_val_t)
NEW_ALIGNED(_ZnamSt11align_val_t)
NEW_ALIGNED_NOTHROW(_ZnwmSt11align_val_tRKSt9nothrow_t)
NEW_ALIGNED_NOTHROW(_ZnamSt11align_val_tRKSt9nothrow_t)
DELETE(_ZdlPv)
DELETE(_ZdaPv)
DELETE(_ZdlPvRKSt9nothrow_t)
DELETE(_ZdaPvRKSt9nothrow_t)
DELETE(_ZdlPvm)
DELETE(_ZdaPvm)
DELETE(_ZdlPvSt11align_val_t)
DELETE(_ZdaPvSt11align_val_t)
DELETE(_ZdlPvmSt11align_val_t)
DELETE(_ZdaPvmSt11align_val_t)
DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t)
DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t)
