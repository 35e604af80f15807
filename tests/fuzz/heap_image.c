/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: a core file with a heap in it, forged by the input, is read as `hakmem stats`,
 * `map` and `why` do. The core is made once, from the heap of this very program: the root, what it
 * points to, the table of superslabs, the metadata and some blocks. The input is a list of acts of
 * 14 bytes that change words of it, those that the reader relies on more often than others: to a
 * number, by a number, to another word's value, or to an address in some part. What is checked is
 * that the reader ends, within its memory, and that what it says adds up.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "heap/copy.h"
#include "heap/core_file.h"
#include "heap/terms.h"
#include "look/map.h"
#include "stand_ins.h"

#define ACT_BYTES 14
#define ACTS_MAX 40
#define PARTS_MAX 32
#define BLOCKS 400
#define WORDS_MAX 16384

/* Purpose: a range of this program's memory, and where it lies in the core. */
struct part {
    uint64_t start;
    uint64_t end;
    uint64_t at;
};

static struct part parts[PARTS_MAX]; /* [0] is the headers */
static size_t part_count = 1;
static uint32_t words[WORDS_MAX]; /* where in the core the reader's words are */
static size_t word_count;
static unsigned char *original;
static unsigned char *image;
static size_t image_size;
static int file;
static char path[32];

/* ---- the core ---- */

static void add_part(const void *start, size_t size)
{
    uint64_t from = (uintptr_t)start / TARGET_PAGE * TARGET_PAGE;
    uint64_t to = ((uintptr_t)start + size + TARGET_PAGE - 1) / TARGET_PAGE * TARGET_PAGE;
    parts[part_count++] = (struct part){from, to, 0};
}

static int compare_parts(const void *a, const void *b)
{
    const struct part *left = a;
    const struct part *right = b;
    return (left->start > right->start) - (left->start < right->start);
}

/* Parts that touch or overlap are one. */
static void merge_parts(void)
{
    size_t kept = 1;
    qsort(parts + 1, part_count - 1, sizeof parts[0], compare_parts);
    for (size_t i = 2; i < part_count; i++) {
        if (parts[i].start > parts[kept].end)
            parts[++kept] = parts[i];
        else if (parts[i].end > parts[kept].end)
            parts[kept].end = parts[i].end;
    }
    part_count = kept + 1;
}

static void list_parts(void)
{
    const struct root *root = &hakmem_root;
    size_t first = (size_t)(root->meta->end - root->space->base) >> SUPERSLAB_SHIFT;
    add_part(root, sizeof *root);
    add_part(root->space, sizeof *root->space);
    add_part(root->meta, sizeof *root->meta);
    add_part(root->decay, sizeof *root->decay);
    add_part(root->settings, sizeof *root->settings);
    add_part(root->size_classes, sizeof(struct size_class[CLASS_COUNT]));
    add_part(root->depots, sizeof(struct depot[CLASS_POOL_LAST + 1]));
    add_part(root->pool_traffic, sizeof(struct pool_traffic[CLASS_POOL_LAST + 1]));
    add_part(root->span_figures, sizeof(struct span_figures[SPAN_CLASSES]));
    add_part(root->thread_caches, sizeof *root->thread_caches);
    add_part(root->fb_counts, sizeof(uint64_t[HAK_FB_COUNT]));
    add_part(root->space->superslabs + first,
             (root->space->frontier - first) * sizeof(struct superslab));
    add_part(root->meta->start, (size_t)(root->meta->at - root->meta->start));
    add_part(root->space->base + (first << SUPERSLAB_SHIFT), 20 * TARGET_PAGE);
    merge_parts();
}

static void make_core(void)
{
    size_t head = (sizeof(Elf64_Ehdr) + part_count * sizeof(Elf64_Phdr) + TARGET_PAGE - 1) /
                  TARGET_PAGE * TARGET_PAGE;
    image_size = head;
    for (size_t i = 1; i < part_count; i++) {
        parts[i].at = image_size;
        image_size += parts[i].end - parts[i].start;
    }
    parts[0].end = sizeof(Elf64_Ehdr) + part_count * sizeof(Elf64_Phdr);
    original = calloc(1, image_size);
    image = calloc(1, image_size);
    Elf64_Ehdr *header = (Elf64_Ehdr *)original;
    memcpy(header->e_ident, ELFMAG, SELFMAG);
    header->e_ident[EI_CLASS] = ELFCLASS64;
    header->e_ident[EI_DATA] = ELFDATA2LSB;
    header->e_type = ET_CORE;
    header->e_phoff = sizeof *header;
    header->e_phentsize = sizeof(Elf64_Phdr);
    header->e_phnum = (uint16_t)(part_count - 1);
    /* by the kernel: the sanitizer minds what lies between two variables */
    int memory = open("/proc/self/mem", O_RDONLY);
    for (size_t i = 1; i < part_count; i++) {
        uint64_t size = parts[i].end - parts[i].start;
        ((Elf64_Phdr *)(header + 1))[i - 1] = (Elf64_Phdr){.p_type = PT_LOAD,
                                                           .p_flags = PF_R | PF_W,
                                                           .p_offset = parts[i].at,
                                                           .p_vaddr = parts[i].start,
                                                           .p_filesz = size,
                                                           .p_memsz = size};
        if (pread(memory, original + parts[i].at, size, (off_t)parts[i].start) < 0)
            perror("/proc/self/mem"); /* address space that has no pages yet */
    }
    close(memory);
}

/* Note where the words of an object are. */
static void add_words(const void *start, size_t size)
{
    uint64_t address = (uintptr_t)start;
    for (size_t i = 1; i < part_count; i++)
        for (size_t at = 0; at + 4 <= size && word_count < WORDS_MAX; at += 4)
            if (address + at >= parts[i].start && address + at + 8 <= parts[i].end)
                words[word_count++] = (uint32_t)(parts[i].at + (address + at - parts[i].start));
}

static void list_words(void)
{
    const struct root *root = &hakmem_root;
    size_t first = (size_t)(root->meta->end - root->space->base) >> SUPERSLAB_SHIFT;
    add_words(&root->space, sizeof *root - offsetof(struct root, space));
    add_words(root->space, offsetof(struct space, list));
    add_words(root->meta, offsetof(struct meta_arena, free));
    add_words(root->thread_caches, sizeof *root->thread_caches);
    add_words(root->thread_caches->live, sizeof *root->thread_caches->live);
    for (size_t i = first; i < root->space->frontier; i++) {
        const struct superslab *superslab = &root->space->superslabs[i];
        add_words(superslab, offsetof(struct superslab, age));
        for (unsigned j = 0; superslab->slabs && j < SLABS_PER_SUPERSLAB; j++)
            if (superslab->slabs[j].state != SLAB_FREE)
                add_words(&superslab->slabs[j], sizeof superslab->slabs[j]);
    }
}

static void fill_heap(void)
{
    static void *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++)
        blocks[i] = hak_malloc(i % 100 == 0 ? 70000 : i % 3 ? 16 : 5 * i);
    for (size_t i = 0; i < BLOCKS; i += 2)
        hak_free(blocks[i]);
    hak_malloc(5 << 20);
}

static void read_core(bool is_whole);

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    fuzz_add_options(argc, argv, "-max_len=112");
    fill_heap();
    list_parts();
    make_core();
    list_words();
    file = memfd_create("core", 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    memcpy(image, original, image_size);
    read_core(true);
    return 0;
}

/* ---- one input ---- */

static void put_word(size_t at, uint64_t value)
{
    memcpy(image + at, &value, sizeof value);
}

static uint64_t get_word(size_t at)
{
    uint64_t value;
    memcpy(&value, image + at, sizeof value);
    return value;
}

/* Where the word is that an act changes: one that the reader relies on, or any of a part. */
static size_t place_of(unsigned part, uint32_t number)
{
    if (part >= 64)
        return words[number % word_count];
    const struct part *of = &parts[part % part_count];
    return of->at + (uint64_t)number * 4 % (of->end - of->start - sizeof(uint64_t));
}

/* part, place (3 bytes), what, other part, number (8 bytes) */
static void act(const uint8_t *bytes)
{
    uint64_t number;
    uint32_t place = bytes[1] | (uint32_t)bytes[2] << 8 | (uint32_t)bytes[3] << 16;
    size_t at = place_of(bytes[0], place);
    const struct part *other = &parts[bytes[5] % part_count];
    memcpy(&number, bytes + 6, sizeof number);
    switch (bytes[4] % 6) {
    case 0: put_word(at, number); break;
    case 1: put_word(at, get_word(at) + number); break;
    case 2: put_word(at, get_word(place_of(bytes[5], (uint32_t)number))); break;
    case 3: put_word(at, other->start + number % (other->end - other->start)); break;
    case 4: image[at] = (unsigned char)number; break;
    default: memcpy(image + at, &number, 4); break;
    }
}

static void check(bool is_true, const char *what)
{
    if (is_true)
        return;
    fprintf(stderr, "wrong: %s\n", what);
    abort();
}

static void ask_for_extents(const struct heap_view *view)
{
    struct extent extent;
    uint64_t length = heap_end(view) - heap_start(view);
    for (unsigned i = 0; i < 16 && length > 0; i++) {
        uint64_t address = heap_start(view) + i * (SLAB_SIZE + 8) % length;
        uint8_t states[EXTENT_BLOCKS_MAX];
        uint64_t counts[BLOCK_STATES];
        if (!heap_extent_of(view, address, &extent))
            continue;
        check(address - extent.start < extent.bytes, "an extent holds its address");
        if (!extent.slab)
            continue;
        unsigned count = heap_block_states(view, &extent, states);
        check(heap_block_counts(view, &extent, counts) == count, "as many blocks as states");
        for (unsigned j = 0; j < count; j++)
            counts[states[j]]--;
        for (unsigned j = 0; j <= BLOCK_IN_DEPOT; j++)
            check(counts[j] == 0, "blocks are counted by their states");
    }
}

static void read_core(bool is_whole)
{
    static struct heap_terms terms;
    struct target target;
    struct heap_view view;
    struct map map;
    if (ftruncate(file, 0) != 0 || pwrite(file, image, image_size, 0) != (ssize_t)image_size)
        abort();
    bool is_open = target_open_core(&target, path);
    bool is_read = is_open && heap_view_open(&view, &target);
    if (!is_read)
        check(target.error[0] != '\0' && !strchr(target.error, '\n'), "a failure is one line");
    if (is_read) {
        heap_terms_count(&view, &terms);
        check(view.is_empty || view.cached_count <= image_size / sizeof(void *),
              "no more cached blocks than there are words");
        if (!view.is_empty)
            ask_for_extents(&view);
        map_make(&view, &map);
        free(map.rows);
        check(!is_whole || (terms.lanes[HAK_LANE_TINY].blocks[BLOCK_LIVE] > 100 &&
                            terms.lanes[HAK_LANE_HUGE].blocks[BLOCK_LIVE] == 1 &&
                            view.cached_count > 0 && view.implausible == 0),
              "the heap that nobody forged");
        heap_view_close(&view);
    }
    check(!is_whole || is_read, target.error);
    if (is_open)
        target_close(&target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memcpy(image, original, image_size);
    for (size_t i = 0; i < ACTS_MAX && size >= ACT_BYTES; i++) {
        act(data);
        data += ACT_BYTES;
        size -= ACT_BYTES;
    }
    read_core(false);
    return 0;
}
