/* SPDX-License-Identifier: MIT */
/*
 * The C++ operators new and delete, by their mangled names (Itanium C++ ABI), so that C++ programs
 * reach the fast path without libstdc++'s detour through malloc. On failure the new-handler loop of
 * [new.delete.single] runs, with libstdc++'s or libc++'s own handler and exception, found when they
 * are there: this library is C and links neither. Compiled with -fexceptions: a handler may throw
 * through us. Safe to call from any thread.
 */
#include "api/api.h"

#include <dlfcn.h>

typedef void (*new_handler)(void);

/* std::get_new_handler() and std::__throw_bad_alloc() of libstdc++. */
extern new_handler _ZSt15get_new_handlerv(void) __attribute__((weak));
extern void _ZSt17__throw_bad_allocv(void) __attribute__((weak));

/* Weak too: a static program need not have them. */
extern __typeof__(dlopen) dlopen __attribute__((weak));
extern __typeof__(dlsym) dlsym __attribute__((weak));

/* A C++ library that was loaded privately (a plugin's) is not found by weak references, nor is
 * what we stand in front of. */
static uintptr_t find_in_libstdcxx(const char *name)
{
    void *library = dlopen ? dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_NOLOAD) : NULL;
    return library && dlsym ? (uintptr_t)dlsym(library, name) : 0;
}

static new_handler current_handler(void)
{
    new_handler (*get)(void) = _ZSt15get_new_handlerv;
    if (!get)
        get = (new_handler(*)(void))find_in_libstdcxx("_ZSt15get_new_handlerv");
    return get ? get() : NULL;
}

static noinline_cold __attribute__((noreturn)) void throw_bad_alloc(size_t size)
{
    void (*throw_it)(void) = _ZSt17__throw_bad_allocv;
    if (!throw_it)
        throw_it = (void (*)(void))find_in_libstdcxx("_ZSt17__throw_bad_allocv");
    if (throw_it)
        throw_it();
    log_abort("operator new(%zu): out of memory, and no C++ library is loaded to throw bad_alloc",
              size);
}

/* The loop: each failure asks the handler to free something, or to throw. */
static noinline_cold void *new_slow(size_t alignment, size_t size)
{
    for (;;) {
        void *block = entry_aligned(alignment, size);
        if (block)
            return block;
        new_handler handler = current_handler();
        if (!handler)
            throw_bad_alloc(size);
        handler();
    }
}

static always_inline void *new_plain(size_t size)
{
    void *block;
    return likely(front_try_alloc(size, &block)) ? block : new_slow(BLOCK_ALIGN, size);
}

typedef void *(*nothrow_new)(size_t size, const void *nothrow);
typedef void *(*aligned_nothrow_new)(size_t size, size_t alignment, const void *nothrow);

/* nothrow: NULL when the handler throws, which C cannot catch. libstdc++'s own nothrow operator
 * can: it calls our throwing one. Where it is not to be found (a static program) the exception goes
 * through us. */
static noinline_cold void *nothrow_slow(size_t alignment, size_t size, const void *nothrow)
{
    for (;;) {
        void *block = entry_aligned(alignment, size);
        new_handler handler = block ? NULL : current_handler();
        if (!handler)
            return block;
        uintptr_t catching = find_in_libstdcxx(alignment <= BLOCK_ALIGN
                                                   ? "_ZnwmRKSt9nothrow_t"
                                                   : "_ZnwmSt11align_val_tRKSt9nothrow_t");
        if (catching && alignment <= BLOCK_ALIGN)
            return ((nothrow_new)catching)(size, nothrow);
        if (catching)
            return ((aligned_nothrow_new)catching)(size, alignment, nothrow);
        handler();
    }
}

static always_inline void *new_nothrow(size_t size, const void *nothrow)
{
    void *block;
    return likely(front_try_alloc(size, &block)) ? block : nothrow_slow(BLOCK_ALIGN, size, nothrow);
}

#define NEW_PLAIN(name)                                                                            \
    exported void *name(size_t size);                                                              \
    void *name(size_t size)                                                                        \
    {                                                                                              \
        return new_plain(size);                                                                    \
    }
#define NEW_NOTHROW(name)                                                                          \
    exported void *name(size_t size, const void *nothrow);                                         \
    void *name(size_t size, const void *nothrow)                                                   \
    {                                                                                              \
        return new_nothrow(size, nothrow);                                                         \
    }
#define NEW_ALIGNED(name)                                                                          \
    exported void *name(size_t size, size_t alignment);                                            \
    void *name(size_t size, size_t alignment)                                                      \
    {                                                                                              \
        return new_slow(alignment, size);                                                          \
    }
#define NEW_ALIGNED_NOTHROW(name)                                                                  \
    exported void *name(size_t size, size_t alignment, const void *nothrow);                       \
    void *name(size_t size, size_t alignment, const void *nothrow)                                 \
    {                                                                                              \
        return nothrow_slow(alignment, size, nothrow);                                             \
    }
/* All forms of delete get the block first; what follows (size, alignment, nothrow) tells us nothing
 * that the slab map does not know. */
#define DELETE(name)                                                                               \
    exported void name(void *block);                                                               \
    void name(void *block)                                                                         \
    {                                                                                              \
        entry_free(block);                                                                         \
    }

NEW_PLAIN(_Znwm)                                        /* new(size_t) */
NEW_PLAIN(_Znam)                                        /* new[](size_t) */
NEW_NOTHROW(_ZnwmRKSt9nothrow_t)                        /* new(size_t, nothrow) */
NEW_NOTHROW(_ZnamRKSt9nothrow_t)                        /* new[](size_t, nothrow) */
NEW_ALIGNED(_ZnwmSt11align_val_t)                       /* new(size_t, align_val_t) */
NEW_ALIGNED(_ZnamSt11align_val_t)                       /* new[](size_t, align_val_t) */
NEW_ALIGNED_NOTHROW(_ZnwmSt11align_val_tRKSt9nothrow_t) /* new(size_t, align_val_t, nothrow) */
NEW_ALIGNED_NOTHROW(_ZnamSt11align_val_tRKSt9nothrow_t) /* new[](size_t, align_val_t, nothrow) */
DELETE(_ZdlPv)                                          /* delete(void *) */
DELETE(_ZdaPv)                                          /* delete[](void *) */
DELETE(_ZdlPvRKSt9nothrow_t)                            /* delete(void *, nothrow) */
DELETE(_ZdaPvRKSt9nothrow_t)                            /* delete[](void *, nothrow) */
DELETE(_ZdlPvm)                                         /* delete(void *, size_t) */
DELETE(_ZdaPvm)                                         /* delete[](void *, size_t) */
DELETE(_ZdlPvSt11align_val_t)                           /* delete(void *, align_val_t) */
DELETE(_ZdaPvSt11align_val_t)                           /* delete[](void *, align_val_t) */
DELETE(_ZdlPvmSt11align_val_t)                          /* delete(void *, size_t, align_val_t) */
DELETE(_ZdaPvmSt11align_val_t)                          /* delete[](void *, size_t, align_val_t) */
DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t)             /* delete(void *, align_val_t, nothrow) */
DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t)             /* delete[](void *, align_val_t, nothrow) */
