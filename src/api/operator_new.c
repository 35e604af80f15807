/* SPDX-License-Identifier: MIT */
/*
 * The C++ operators new and delete, by their mangled names (Itanium C++ ABI): so C++ programs reach
 * the fast path directly, and not through libstdc++ and malloc. A program may replace only some of
 * the operators. The standard says which form calls which (the default behaviours in [new.delete]),
 * so a form that the program has not replaced must call the one that it has. For that, each form
 * compares the process's address of the next form with our own: if they are equal, the next form
 * was not replaced, and the fast path follows. Compiled with -fexceptions: a handler may throw
 * through our functions. Any thread may call them.
 *
 * The names are weak. So in an archive the program's own operator replaces ours without a duplicate
 * symbol, and the compiler cannot assume that a name means our function.
 */
#include "api/cxx.h"

#define is_own(name, own) likely((name) == (own))
#define export_as(name, own) exported __typeof__(own) name __attribute__((weak, alias(#own)))
/* the caller of the operator, since the functions below are inlined in it; used on slow paths only,
 * since it costs a load */
#define caller() __builtin_return_address(0)

/* ---- new(size_t), new(size_t, align_val_t), and their failure ---- */

/* The loop of [new.delete.single]: after each failure the handler frees something or throws. An
 * alignment that is not a power of two always fails, as in libstdc++. */
static noinline_cold void *new_slow(size_t alignment, size_t size, const void *from)
{
    for (;;) {
        void *block = is_power_of_two(alignment) ? entry_aligned(alignment, size) : NULL;
        if (block)
            return block;
        new_handler handler = bad_alloc_handler(from);
        if (!handler)
            bad_alloc_throw(size, from);
        handler();
    }
}

static always_inline void *new_here(size_t size)
{
    void *block;
    return likely(front_try_alloc(size, &block)) ? block : new_slow(BLOCK_ALIGN, size, caller());
}

static void *own_new(size_t size)
{
    return new_here(size);
}
export_as(_Znwm, own_new);

static void *own_new_aligned(size_t size, size_t alignment)
{
    return new_slow(alignment, size, caller());
}
export_as(_ZnwmSt11align_val_t, own_new_aligned);

/* ---- new[] calls new ---- */

static void *own_new_array(size_t size)
{
    return is_own(_Znwm, own_new) ? new_here(size) : _Znwm(size);
}
export_as(_Znam, own_new_array);

static void *own_new_array_aligned(size_t size, size_t alignment)
{
    return _ZnwmSt11align_val_t(size, alignment);
}
export_as(_ZnamSt11align_val_t, own_new_array_aligned);

/* ---- nothrow forms call the throwing form, and return NULL if it throws ---- */

static void *call_new(size_t size, size_t unused)
{
    (void)unused;
    return _Znwm(size);
}

static void *call_new_array(size_t size, size_t unused)
{
    (void)unused;
    return _Znam(size);
}

/* Without a handler the throwing form could only throw. */
static noinline_cold void *nothrow_slow(size_t alignment, size_t size, const void *from)
{
    void *block = is_power_of_two(alignment) ? entry_aligned(alignment, size) : NULL;
    if (block || !bad_alloc_handler(from))
        return block;
    return catch_call(own_new_aligned, size, alignment, from);
}

static always_inline void *nothrow_here(size_t size)
{
    void *block;
    return likely(front_try_alloc(size, &block)) ? block
                                                 : nothrow_slow(BLOCK_ALIGN, size, caller());
}

static void *own_new_nothrow(size_t size, const void *nothrow)
{
    (void)nothrow;
    return is_own(_Znwm, own_new) ? nothrow_here(size) : catch_call(call_new, size, 0, caller());
}
export_as(_ZnwmRKSt9nothrow_t, own_new_nothrow);

static void *own_new_array_nothrow(size_t size, const void *nothrow)
{
    (void)nothrow;
    return is_own(_Znam, own_new_array) && is_own(_Znwm, own_new)
               ? nothrow_here(size)
               : catch_call(call_new_array, size, 0, caller());
}
export_as(_ZnamRKSt9nothrow_t, own_new_array_nothrow);

static void *own_new_aligned_nothrow(size_t size, size_t alignment, const void *nothrow)
{
    (void)nothrow;
    return is_own(_ZnwmSt11align_val_t, own_new_aligned)
               ? nothrow_slow(alignment, size, caller())
               : catch_call(_ZnwmSt11align_val_t, size, alignment, caller());
}
export_as(_ZnwmSt11align_val_tRKSt9nothrow_t, own_new_aligned_nothrow);

static void *own_new_array_aligned_nothrow(size_t size, size_t alignment, const void *nothrow)
{
    (void)nothrow;
    return is_own(_ZnamSt11align_val_t, own_new_array_aligned) &&
                   is_own(_ZnwmSt11align_val_t, own_new_aligned)
               ? nothrow_slow(alignment, size, caller())
               : catch_call(_ZnamSt11align_val_t, size, alignment, caller());
}
export_as(_ZnamSt11align_val_tRKSt9nothrow_t, own_new_array_aligned_nothrow);

/* ---- delete; the slab map knows size and alignment ---- */

static void own_delete(void *block)
{
    entry_free(block);
}
export_as(_ZdlPv, own_delete);

static void own_delete_aligned(void *block, size_t alignment)
{
    (void)alignment;
    entry_free(block);
}
export_as(_ZdlPvSt11align_val_t, own_delete_aligned);

/* ---- delete[] calls delete ---- */

static always_inline void call_delete(void *block)
{
    if (is_own(_ZdlPv, own_delete))
        entry_free(block);
    else
        _ZdlPv(block);
}

static void own_delete_array(void *block)
{
    call_delete(block);
}
export_as(_ZdaPv, own_delete_array);

static always_inline void call_delete_aligned(void *block, size_t alignment)
{
    if (is_own(_ZdlPvSt11align_val_t, own_delete_aligned))
        entry_free(block);
    else
        _ZdlPvSt11align_val_t(block, alignment);
}

static void own_delete_array_aligned(void *block, size_t alignment)
{
    call_delete_aligned(block, alignment);
}
export_as(_ZdaPvSt11align_val_t, own_delete_array_aligned);

static always_inline void call_delete_array(void *block)
{
    if (is_own(_ZdaPv, own_delete_array))
        call_delete(block);
    else
        _ZdaPv(block);
}

static always_inline void call_delete_array_aligned(void *block, size_t alignment)
{
    if (is_own(_ZdaPvSt11align_val_t, own_delete_array_aligned))
        call_delete_aligned(block, alignment);
    else
        _ZdaPvSt11align_val_t(block, alignment);
}

/* ---- delete with a size, or nothrow, calls the form without ---- */

static void own_delete_sized(void *block, size_t size)
{
    (void)size;
    call_delete(block);
}
export_as(_ZdlPvm, own_delete_sized);

static void own_delete_array_sized(void *block, size_t size)
{
    (void)size;
    call_delete_array(block);
}
export_as(_ZdaPvm, own_delete_array_sized);

static void own_delete_nothrow(void *block, const void *nothrow)
{
    (void)nothrow;
    call_delete(block);
}
export_as(_ZdlPvRKSt9nothrow_t, own_delete_nothrow);

static void own_delete_array_nothrow(void *block, const void *nothrow)
{
    (void)nothrow;
    call_delete_array(block);
}
export_as(_ZdaPvRKSt9nothrow_t, own_delete_array_nothrow);

static void own_delete_sized_aligned(void *block, size_t size, size_t alignment)
{
    (void)size;
    call_delete_aligned(block, alignment);
}
export_as(_ZdlPvmSt11align_val_t, own_delete_sized_aligned);

static void own_delete_array_sized_aligned(void *block, size_t size, size_t alignment)
{
    (void)size;
    call_delete_array_aligned(block, alignment);
}
export_as(_ZdaPvmSt11align_val_t, own_delete_array_sized_aligned);

static void own_delete_aligned_nothrow(void *block, size_t alignment, const void *nothrow)
{
    (void)nothrow;
    call_delete_aligned(block, alignment);
}
export_as(_ZdlPvSt11align_val_tRKSt9nothrow_t, own_delete_aligned_nothrow);

static void own_delete_array_aligned_nothrow(void *block, size_t alignment, const void *nothrow)
{
    (void)nothrow;
    call_delete_array_aligned(block, alignment);
}
export_as(_ZdaPvSt11align_val_tRKSt9nothrow_t, own_delete_array_aligned_nothrow);
