/* SPDX-License-Identifier: MIT */
/*
 * Decides whether a pointer outside the reservation is a live block of glibc's own malloc. A chunk
 * of glibc has a header of two words before the block. The first word is the size of the chunk
 * before (for a mapped chunk: the distance from the start of the mapping). The second is the
 * chunk's own size; its low bits say where the chunk lies. A pointer is accepted if everything that
 * glibc relies on holds; the words of another allocator's heap are unlikely to satisfy all of it.
 * Nothing is cached. Each word is probed by a system call before it is read, so that no read can
 * fault (under a seccomp filter it is read without the probe). These calls cost less than a munmap.
 */
#include "api/api.h"

#include <link.h>
#include <unistd.h>

#define CHUNK_PREVIOUS_IN_USE ((size_t)1)
#define CHUNK_IS_MAPPED ((size_t)2)
#define CHUNK_IN_OTHER_ARENA ((size_t)4)
#define CHUNK_FLAGS ((size_t)7)
#define CHUNK_HEADER (2 * sizeof(size_t))
#define CHUNK_MIN (4 * sizeof(size_t))

/* Purpose: the header of a chunk. */
struct chunk {
    size_t before;
    size_t size_and_flags;
};

/* Purpose: glibc's heap_info, the head of each heap of an arena that is not the first one. */
struct arena_heap {
    const void *arena; /* address of the arena: in its first heap, after the head */
    const void *before;
    size_t size; /* bytes in use, from the head on */
};
#define ARENA_HEAD_MAX 256
/* Each heap is aligned to its greatest size: the first of these, or with the tunable
 * glibc.malloc.hugetlb the second, which is four pages of 2 MiB. */
static const size_t arena_heap_sizes[] = {64 * MIB, 8 * MIB};

static size_t chunk_size(struct chunk chunk)
{
    return chunk.size_and_flags & ~CHUNK_FLAGS;
}

/* A header is aligned to its size, so both words lie in one page. */
static bool read_chunk(uintptr_t address, struct chunk *chunk)
{
    if (address % CHUNK_HEADER != 0 || !os_is_readable((const void *)address))
        return false;
    const size_t *words = (const size_t *)address;
    /* relaxed: another thread may change the flags of a chunk after ours */
    chunk->before = __atomic_load_n(&words[0], __ATOMIC_RELAXED);
    chunk->size_and_flags = __atomic_load_n(&words[1], __ATOMIC_RELAXED);
    return true;
}

/* Purpose: a search among the loaded objects. */
struct search {
    uintptr_t address;
    bool is_inside;        /* `address` is in a segment of some object */
    uintptr_t highest_end; /* the greatest end of a segment that is not above `address` */
};

static int look_at_object(struct dl_phdr_info *info, size_t size, void *context)
{
    struct search *search = context;
    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + segment->p_vaddr;
        uintptr_t end = start + segment->p_memsz;
        if (segment->p_type != PT_LOAD)
            continue;
        search->is_inside |= search->address >= start && search->address < end;
        if (end <= search->address)
            search->highest_end = max_size(search->highest_end, end);
    }
    return 0;
}

static struct search search_objects(uintptr_t address)
{
    struct search search = {.address = address};
    dl_iterate_phdr(look_at_object, &search);
    return search;
}

/* ---- the three places where chunks lie ---- */

/* A chunk in its own mapping. The mapping begins and ends at page boundaries. An aligned block may
 * begin later in the mapping. */
static bool is_mapped_chunk(uintptr_t address, struct chunk chunk)
{
    size_t page = os_page_size();
    size_t size = chunk_size(chunk);
    size_t in_page = (address + CHUNK_HEADER) % page;
    return chunk.before < address && size >= CHUNK_MIN && size < PTRDIFF_MAX &&
           (address - chunk.before) % page == 0 && (chunk.before + size) % page == 0 &&
           (in_page == 0 || is_power_of_two(in_page)) && !search_objects(address).is_inside;
}

static bool read_arena_heap(uintptr_t address, size_t heap_size, struct arena_heap *heap)
{
    uintptr_t start = align_down(address, heap_size);
    if (!os_is_readable((const void *)start))
        return false;
    const struct arena_heap *found = (const struct arena_heap *)start;
    heap->arena = __atomic_load_n(&found->arena, __ATOMIC_RELAXED);
    heap->size = __atomic_load_n(&found->size, __ATOMIC_RELAXED);
    return true;
}

/* A chunk of an arena other than the first. It lies in a heap whose head names the arena, and the
 * head of the arena's first heap names the arena too. */
static bool is_arena_chunk(uintptr_t address, struct chunk chunk, size_t heap_size)
{
    struct arena_heap heap;
    struct arena_heap first;
    size_t offset = address % heap_size;
    if (!read_arena_heap(address, heap_size, &heap) || heap.size > heap_size ||
        offset + chunk_size(chunk) > heap.size)
        return false;
    uintptr_t arena = (uintptr_t)heap.arena;
    size_t arena_offset = arena % heap_size;
    return arena_offset >= 2 * sizeof(void *) && arena_offset <= ARENA_HEAD_MAX &&
           read_arena_heap(arena, heap_size, &first) && first.arena == heap.arena;
}

/* The lowest address at which the area of brk() can begin: after the program, or after another
 * object below the area's end. Computed once, since the area never moves. */
static uintptr_t brk_start(uintptr_t end)
{
    static _Atomic uintptr_t lowest;
    uintptr_t start = atomic_load_explicit(&lowest, memory_order_relaxed);
    if (start == 0) {
        start = search_objects(end).highest_end;
        /* relaxed: every thread finds the same */
        atomic_store_explicit(&lowest, start, memory_order_relaxed);
    }
    return start;
}

/* Has brk() failed? Then glibc continues in other mappings, and closes the area with a chunk that
 * consists of a header only. Also true if there is no area. */
static bool brk_has_failed(uintptr_t end)
{
    struct chunk last;
    return !read_chunk(align_down(end, CHUNK_HEADER) - CHUNK_HEADER, &last) ||
           last.size_and_flags == (CHUNK_HEADER | CHUNK_PREVIOUS_IN_USE);
}

/* A chunk of the first arena. */
static bool is_brk_chunk(uintptr_t address, struct chunk chunk)
{
    uintptr_t end = (uintptr_t)sbrk(0);
    if (address < end && address >= brk_start(end))
        return chunk_size(chunk) <= end - address;
    return brk_has_failed(end) && !search_objects(address).is_inside;
}

/* Does the chunk after this one say that this one is in use? */
static bool is_followed(uintptr_t address, struct chunk chunk)
{
    struct chunk next;
    uintptr_t behind = address + chunk_size(chunk);
    return read_chunk(behind, &next) && (next.size_and_flags & CHUNK_PREVIOUS_IN_USE) != 0 &&
           (next.size_and_flags & CHUNK_IS_MAPPED) == 0;
}

bool libc_chunk_is_live(const void *block)
{
    struct chunk chunk;
    uintptr_t address = (uintptr_t)block - CHUNK_HEADER;
    if ((uintptr_t)block < CHUNK_HEADER || !read_chunk(address, &chunk))
        return false;
    size_t size = chunk_size(chunk);
    if (size < CHUNK_MIN || size % CHUNK_HEADER != 0 || size > PTRDIFF_MAX)
        return false;
    if (chunk.size_and_flags & CHUNK_IS_MAPPED)
        return (chunk.size_and_flags & CHUNK_FLAGS) == CHUNK_IS_MAPPED &&
               is_mapped_chunk(address, chunk);
    if (!is_followed(address, chunk))
        return false;
    if (!(chunk.size_and_flags & CHUNK_IN_OTHER_ARENA))
        return is_brk_chunk(address, chunk);
    return is_arena_chunk(address, chunk, arena_heap_sizes[0]) ||
           is_arena_chunk(address, chunk, arena_heap_sizes[1]);
}
