/* SPDX-License-Identifier: MIT */
/*
 * The exported names of C, POSIX, BSD and glibc. The rules for arguments that differ between calls
 * are here; all else is in entry.c. The contracts are those of the manual pages malloc(3),
 * posix_memalign(3), mallopt(3), mallinfo(3) and malloc_info(3); of C23 for free_sized and
 * free_aligned_sized; of reallocf(3) in BSD; and of WG14 N2974 for memalignment. Any thread may
 * call any of them.
 */
#include "api/api.h"
#include "diag/diag.h"
#include "front/trim.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>
#if defined(__GLIBC__)
#include <gnu/libc-version.h>
#endif

/* ---- allocation and release ---- */

exported void *malloc(size_t size)
{
    return entry_malloc(size);
}

exported void free(void *block)
{
    entry_free(block);
}

exported void *calloc(size_t count, size_t size)
{
    return entry_calloc(count, size);
}

exported void *realloc(void *block, size_t size)
{
    return entry_realloc(block, size);
}

exported void *reallocarray(void *block, size_t count, size_t size)
{
    return entry_reallocarray(block, count, size);
}

/* BSD: frees the block if it cannot be resized. */
exported void *reallocf(void *block, size_t size);
void *reallocf(void *block, size_t size)
{
    return entry_reallocf(block, size);
}

/* The free of SunOS. glibc has dropped it, but old programs still link to it. */
exported void cfree(void *block);
void cfree(void *block)
{
    entry_free(block);
}

/* C23: the size, and alignment, with which the block was allocated. They are not needed: the slab
 * map has the class. */
exported void free_sized(void *block, size_t size);
void free_sized(void *block, size_t size)
{
    (void)size;
    entry_free(block);
}

exported void free_aligned_sized(void *block, size_t alignment, size_t size);
void free_aligned_sized(void *block, size_t alignment, size_t size)
{
    (void)alignment;
    (void)size;
    entry_free(block);
}

/* ---- alignment ---- */

exported int posix_memalign(void **out, size_t alignment, size_t size)
{
    return entry_posix_memalign(out, alignment, size);
}

#if defined(__GLIBC__)

/* The memalign of glibc rounds an alignment up to a power of two, and programs rely on it. */
static void *aligned_rounded(size_t alignment, size_t size)
{
    if (alignment > SIZE_MAX / 2 + 1) {
        errno = EINVAL;
        return NULL;
    }
    return entry_aligned(alignment > 1 ? (size_t)2 << highest_bit(alignment - 1) : 1, size);
}

/* Does this libc refuse an alignment that is not a power of two? glibc does since 2.38. */
static bool is_aligned_alloc_strict(void)
{
    const char *version = gnu_get_libc_version(); /* "2.36" */
    unsigned minor = 0;
    for (const char *digit = version + 2; *digit >= '0' && *digit <= '9'; digit++)
        minor = minor * 10 + (unsigned)(*digit - '0');
    return version[0] > '2' || minor >= 38;
}

exported void *memalign(size_t alignment, size_t size)
{
    return aligned_rounded(alignment, size);
}

static noinline_cold void *aligned_odd(size_t alignment, size_t size)
{
    return is_aligned_alloc_strict() ? entry_aligned_checked(alignment, size)
                                     : aligned_rounded(alignment, size);
}

exported void *aligned_alloc(size_t alignment, size_t size)
{
    return likely(is_power_of_two(alignment)) ? entry_aligned(alignment, size)
                                              : aligned_odd(alignment, size);
}

#else

exported void *memalign(size_t alignment, size_t size)
{
    return entry_aligned_checked(alignment, size);
}

exported void *aligned_alloc(size_t alignment, size_t size)
{
    return entry_aligned_checked(alignment, size);
}

#endif

exported void *valloc(size_t size)
{
    return entry_aligned(os_page_size(), size);
}

exported void *pvalloc(size_t size)
{
    size_t page = os_page_size();
    if (size > PTRDIFF_MAX)
        return entry_fail();
    return entry_aligned(page, align_up(size, page));
}

/* The largest power of two that divides the address; 0 for NULL. */
exported size_t memalignment(const void *block);
size_t memalignment(const void *block)
{
    uintptr_t address = (uintptr_t)block;
    return address & (0 - address);
}

/* ---- questions and settings ---- */

/* The parameters of mallopt, by glibc's numbers: other C libraries have no names for them. */
enum {
    MXFAST = 1,
    NLBLKS = 2,
    GRAIN = 3,
    KEEP = 4,
    TRIM_THRESHOLD = -1,
    TOP_PAD = -2,
    MMAP_THRESHOLD = -3,
    MMAP_MAX = -4,
    CHECK_ACTION = -5,
    PERTURB = -6,
    ARENA_TEST = -7,
    ARENA_MAX = -8
};
/* The largest value that glibc accepts for M_MXFAST, in bytes. */
#define MXFAST_MAX 160

#if !defined(__GLIBC__)
/* As in glibc, field by field. */
struct mallinfo {
    int arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
};
struct mallinfo2 {
    size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
};
struct mallinfo mallinfo(void);
struct mallinfo2 mallinfo2(void);
void malloc_stats(void);
int mallopt(int parameter, int value);
int malloc_trim(size_t pad);
int malloc_info(int options, FILE *stream);
void *pvalloc(size_t size);
#endif

exported size_t malloc_usable_size(void *block)
{
    return entry_usable(block);
}

/* Returns 1 if memory went back to the kernel. `pad` is the part of the heap's top that glibc
 * keeps; it has no meaning here. */
exported int malloc_trim(size_t pad)
{
    int saved = errno;
    (void)pad;
    bool has_trimmed = init_gate() == GATE_OPEN && trim_all() > 0;
    errno = saved;
    return has_trimmed;
}

/* A negative number stands for a very large size, as in glibc: then frees purge nothing at once. */
static void set_trim_threshold(int value)
{
    int64_t bytes = value < 0 ? (int64_t)TIB : (int64_t)value;
    init_gate(); /* reads the environment, which must not undo this */
    __atomic_store_n(&settings.ss_cache_max, bytes, __ATOMIC_RELAXED);
    warm_bound_wish((size_t)bytes);
}

exported int mallopt(int parameter, int value)
{
    switch (parameter) {
    case TRIM_THRESHOLD: /* the free memory that is kept: the bound of the warm pool */
        set_trim_threshold(value);
        return 1;
    case MXFAST: return value >= 0 && value <= MXFAST_MAX;
    /* hints about structures that this allocator does not have */
    case NLBLKS:
    case GRAIN:
    case KEEP:
    case TOP_PAD:
    case MMAP_THRESHOLD:
    case MMAP_MAX:
    case ARENA_TEST:
    case ARENA_MAX:
    /* misuse always ends the program, and blocks are never filled: hakmem(3) says so */
    case CHECK_ACTION:
    case PERTURB: return 1;
    default: return 0;
    }
}

exported struct mallinfo2 mallinfo2(void)
{
    if (entry_is_inside())
        return (struct mallinfo2){0};
    int saved = errno;
    const struct snapshot *snapshot = snapshot_borrow();
    const struct hak_stats *stats = &snapshot->stats;
    struct mallinfo2 info = {0};
    /* as in glibc, blocks with their own mapping (here Huge blocks) count only in hblks and
     * hblkhd */
    for (unsigned lane = 0; lane < HAK_LANE_HUGE; lane++) {
        const struct hak_lane_stats *figures = &stats->lane[lane];
        info.uordblks += figures->live_bytes;
        info.fordblks += figures->cached_bytes + figures->free_bytes;
        info.fsmblks += figures->cached_bytes;
    }
    info.fordblks += stats->warm_bytes;
    info.hblks = stats->lane[HAK_LANE_HUGE].live_blocks;
    info.hblkhd = stats->lane[HAK_LANE_HUGE].live_bytes;
    info.arena = stats->mapped_bytes > info.hblkhd ? stats->mapped_bytes - info.hblkhd : 0;
    info.keepcost = stats->warm_bytes;
    snapshot_return(snapshot);
    errno = saved;
    return info;
}

static int saturate(size_t value)
{
    return value > INT_MAX ? INT_MAX : (int)value;
}

exported struct mallinfo mallinfo(void)
{
    struct mallinfo2 wide = mallinfo2();
    return (struct mallinfo){
        .arena = saturate(wide.arena),
        .hblks = saturate(wide.hblks),
        .hblkhd = saturate(wide.hblkhd),
        .fsmblks = saturate(wide.fsmblks),
        .uordblks = saturate(wide.uordblks),
        .fordblks = saturate(wide.fordblks),
        .keepcost = saturate(wide.keepcost),
    };
}

static void put_to_stderr(void *context, const char *text, size_t length)
{
    (void)context;
    os_write_file(STDERR_FILENO, text, length);
}

exported void malloc_stats(void)
{
    int saved = errno;
    struct writer writer = {.put = put_to_stderr};
    if (entry_is_inside())
        return;
    const struct snapshot *snapshot = snapshot_borrow();
    writer_add(&writer, "hakmem: ");
    render_text(&writer, snapshot);
    writer_flush(&writer);
    snapshot_return(snapshot);
    errno = saved;
}

/* The stream may allocate its buffer: no lock of ours is held here. */
static void put_to_stream(void *stream, const char *text, size_t length)
{
    fwrite(text, 1, length, stream);
}

/* Returns EINVAL, as glibc does, if the options are not 0. */
exported int malloc_info(int options, FILE *stream)
{
    int saved = errno;
    struct writer writer = {.put = put_to_stream, .context = stream};
    if (options != 0)
        return EINVAL;
    if (entry_is_inside())
        return EAGAIN;
    const struct snapshot *snapshot = snapshot_borrow();
    render_xml(&writer, snapshot);
    writer_flush(&writer);
    snapshot_return(snapshot);
    errno = saved;
    return 0;
}
