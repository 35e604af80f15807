/* SPDX-License-Identifier: MIT */
/*
 * A process whose heap lies to a command that reads it from outside. Compiled by hostile.sh with
 * the allocator's own headers, run on the allocator: `hostile KIND [ARGUMENT]` fills a heap, forges
 * what KIND says, writes "ready" and waits.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "diag/root.h"

#define BLOCKS 20000

static struct root *root;
static struct space *reservation_space;
static struct meta_arena *arena;
static size_t first; /* superslab of the heap */

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void *mapped(void *at, size_t size, int flags, int file)
{
    void *memory = mmap(at, size, PROT_READ | PROT_WRITE, flags, file, 0);
    if (memory == MAP_FAILED)
        fail("mmap");
    return memory;
}

static int memory_file(size_t size)
{
    int file = memfd_create("shared", 0);
    if (file < 0 || ftruncate(file, (off_t)size) != 0)
        fail("memfd");
    return file;
}

/* Let the program write where the root lies. */
static void open_root(void)
{
    uintptr_t page = (uintptr_t)root & ~(uintptr_t)4095;
    if (mprotect((void *)page, sizeof *root + 8192, PROT_READ | PROT_WRITE) != 0)
        fail("mprotect");
}

/* `size` bytes of metadata of the process's own above what the arena uses. */
static char *more_metadata(size_t size)
{
    char *start = (char *)(((uintptr_t)arena->mapped + 4095) & ~(uintptr_t)4095);
    if (start + size > arena->end)
        fail("metadata");
    mapped(start, size, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1);
    arena->at = arena->mapped = start + size;
    return start;
}

/* The slabs of small blocks, all of the same class. */
static void each_small(void (*forge)(struct slab *slab))
{
    for (size_t i = first; i < reservation_space->frontier; i++) {
        struct superslab *superslab = &reservation_space->superslabs[i];
        for (unsigned j = 0; superslab->slabs && j < SLABS_PER_SUPERSLAB; j++)
            if (superslab->slabs[j].state == SLAB_BLOCKS && superslab->slabs[j].size == 16)
                forge(&superslab->slabs[j]);
    }
}

static void drop_bitmap(struct slab *slab)
{
    pooled(slab)->bits = NULL;
}

static void misplace_bitmap(struct slab *slab)
{
    pooled(slab)->bits = (uint64_t *)slab->start;
}

static void shift_start(struct slab *slab)
{
    slab->start += 16;
}

static void forge_slabs(const char *how)
{
    if (strcmp(how, "no-bitmap") == 0)
        each_small(drop_bitmap);
    else if (strcmp(how, "bitmap-outside") == 0)
        each_small(misplace_bitmap);
    else
        each_small(shift_start);
}

/* ---- the table ---- */

/* A table elsewhere, one piece of shared memory again and again: half a million superslabs. */
static void table_aliased(void)
{
    size_t piece = 96 * 32768;
    int file = memory_file(piece);
    char *table = mapped(NULL, piece * 16, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    for (int i = 0; i < 16; i++)
        mapped(table + i * piece, piece, MAP_SHARED | MAP_FIXED, file);
    for (size_t i = 0; i < piece / sizeof(struct superslab); i++)
        ((struct superslab *)table)[i] = (struct superslab){.state = SUPERSLAB_SLABS,
                                                            .slabs = (struct slab *)arena->start};
    reservation_space->superslabs = (struct superslab *)table;
    reservation_space->count = reservation_space->frontier = 524288;
}

/* The same in the table's own place. */
static void table_shared(void)
{
    size_t size = (size_t)32 << 20;
    int file = memory_file(1 << 20);
    uintptr_t at = ((uintptr_t)&reservation_space->superslabs[first] + 4095) & ~(uintptr_t)4095;
    for (size_t done = 0; done < size && at + done + (1 << 20) < (uintptr_t)arena->start;
         done += 1 << 20)
        mapped((void *)(at + done), 1 << 20, MAP_SHARED | MAP_FIXED, file);
    reservation_space->frontier = first + size / sizeof(struct superslab);
}

/* Each superslab has the same records. */
static void table_one_record(void)
{
    size_t count = first + 6000;
    for (size_t i = first; i < count; i++) {
        reservation_space->superslabs[i].state = SUPERSLAB_SLABS;
        reservation_space->superslabs[i].slabs = reservation_space->superslabs[first].slabs;
    }
    reservation_space->frontier = count;
}

/* A window of 32 TiB with nothing in it, all of it said to have been used. */
static void table_empty(void)
{
    size_t size = (size_t)32 << 40;
    char *memory = mmap(NULL, size + SUPERSLAB_SIZE, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        fail("32 TiB");
    memory = (char *)(((uintptr_t)memory + SUPERSLAB_SIZE - 1) & ~(SUPERSLAB_SIZE - 1));
    reservation_space->base = memory;
    reservation_space->count = reservation_space->frontier = reservation_space->opened =
        size / SUPERSLAB_SIZE;
    reservation_space->superslabs = (struct superslab *)(memory + SLAB_MAP_OFFSET);
    arena->start = arena->at = arena->present = arena->mapped = memory + SUPERSLAB_SIZE * 1024;
    arena->end = memory + SUPERSLAB_SIZE * 1025;
}

/* ---- caches ---- */

/* `count` thread caches in `room`, with all bins full of the same 1,024 blocks. */
static void forge_caches(char *room, size_t count)
{
    size_t step = (sizeof(struct thread_cache) + 63) & ~(size_t)63;
    void **bin = (void **)room;
    char *caches_at = room + 16384;
    char *start = reservation_space->base + first * SUPERSLAB_SIZE;
    for (size_t i = 0; i < 1024; i++)
        bin[i] = start + (i << 10);
    for (size_t i = 0; i < count; i++) {
        struct thread_cache *cache = (struct thread_cache *)(caches_at + i * step);
        for (unsigned c = 0; c < CLASS_COUNT; c++) {
            cache->bottom[c] = bin;
            cache->top[c] = cache->limit[c] = bin + 1024;
        }
        cache->thread_id = (uint32_t)getpid();
        cache->next = i + 1 < count ? (struct thread_cache *)(caches_at + (i + 1) * step) : NULL;
    }
    ((struct thread_caches *)root->thread_caches)->live = (struct thread_cache *)caches_at;
}

/* Caches outside the metadata: has the command marked one of their bins? */
static void print_marks(const struct thread_cache *cache)
{
    unsigned marks = 0;
    for (; cache; cache = cache->next)
        for (unsigned c = 0; c < CLASS_COUNT; c++)
            marks += bin_is_watched(cache, c);
    printf("marks %u\n", marks);
}

static void batches_in_a_circle(void)
{
    struct batch *batch = (struct batch *)more_metadata(1 << 16);
    batch->next = batch;
    batch->count = BATCH_BLOCKS;
    for (unsigned c = CLASS_FIRST; c <= CLASS_POOL_LAST; c++)
        ((struct depot *)root->depots)[c].batches = batch;
}

static void caches_in_a_circle(void)
{
    struct thread_cache *live = root->thread_caches->live;
    live->next = live;
}

/* ---- requests ---- */

static void forge_request(const char *where)
{
    static _Alignas(64) char stack_like[64];
    char stack[128];
    char *to = stack;
    if (strcmp(where, "heap") == 0)
        to = malloc(128);
    else if (strcmp(where, "mapping") == 0)
        to = mapped(NULL, 4096, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    else if (strcmp(where, "program") == 0)
        to = stack_like;
    else if (strcmp(where, "code") == 0)
        to = (char *)(uintptr_t)&getpid;
    else if (strcmp(where, "high") == 0)
        to = (char *)(UINTPTR_MAX - 63);
    open_root();
    root->request = (struct requests *)(((uintptr_t)to + 15) & ~(uintptr_t)15);
}

/* What is asked of this process. */
static void print_requests(void)
{
    unsigned asked = 0;
    for (unsigned slot = 0; slot < REQUEST_SLOTS; slot++)
        asked += atomic_load(&root->request->slots[slot].asked) != 0;
    printf("requests %u %u\n", atomic_load(&root->request->is_waiting), asked);
}

/* ---- the rest ---- */

static void forge(const char *kind, const char *argument)
{
    if (strcmp(kind, "slabs") == 0)
        forge_slabs(argument);
    else if (strcmp(kind, "table-aliased") == 0)
        table_aliased();
    else if (strcmp(kind, "table-shared") == 0)
        table_shared();
    else if (strcmp(kind, "table-one-record") == 0)
        table_one_record();
    else if (strcmp(kind, "table-empty") == 0)
        table_empty();
    else if (strcmp(kind, "caches-in-a-block") == 0)
        forge_caches(malloc(24 << 20), 4000);
    else if (strcmp(kind, "caches-in-metadata") == 0)
        forge_caches(more_metadata(24 << 20), 4000);
    else if (strcmp(kind, "caches-in-a-circle") == 0)
        caches_in_a_circle();
    else if (strcmp(kind, "batches-in-a-circle") == 0)
        batches_in_a_circle();
    else if (strcmp(kind, "request") == 0)
        forge_request(argument);
    else if (strcmp(kind, "name") == 0)
        prctl(PR_SET_NAME, "a\nb) R 1\n");
    else if (strcmp(kind, "none") != 0 && strcmp(kind, "victim") != 0)
        fail(kind);
}

int main(int argc, char **argv)
{
    const char *kind = argc > 1 ? argv[1] : "none";
    root = dlsym(RTLD_DEFAULT, "hakmem_root");
    if (!root)
        return 1;
    for (int i = 0; i < BLOCKS; i++)
        memset(malloc(16), 1, 16);
    free(malloc(100000));
    reservation_space = (struct space *)(uintptr_t)root->space;
    arena = (struct meta_arena *)(uintptr_t)root->meta;
    first = (size_t)(arena->end - reservation_space->base) >> SUPERSLAB_SHIFT;
    setvbuf(stdout, NULL, _IONBF, 0);
    if (strcmp(kind, "exec") == 0) {
        /* whoever asks waits, and then the program is another one */
        printf("ready %p\n", (void *)root->request);
        while (!atomic_load(&root->request->is_waiting))
            usleep(1000);
        execl("/proc/self/exe", "victim", "victim", NULL);
    }
    if (strcmp(kind, "victim") == 0) {
        printf("victim %p\n", (void *)root->request);
        while (access("answered", F_OK) != 0)
            usleep(1000);
        print_requests();
    }
    forge(kind, argc > 2 ? argv[2] : "");
    printf("ready\n");
    if (strcmp(kind, "caches-in-a-block") == 0) {
        while (access("asked", F_OK) != 0)
            usleep(1000);
        print_marks(root->thread_caches->live);
    }
    for (;;)
        pause();
}
