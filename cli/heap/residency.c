/* SPDX-License-Identifier: MIT */
/*
 * Finds which pages of a target are resident, and which belong to it alone: in a process with
 * PAGEMAP_SCAN, or from /proc/PID/pagemap if the kernel is older; in a core with core_file.c. The
 * kernel's pages may be larger than the units that are asked for.
 */
#include "heap/residency.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "heap/core_file.h"
#include "heap/page_set.h"

/* PAGEMAP_SCAN (Linux 6.7), as in linux/fs.h, which may be older. It skips memory without pages.
 * Only this call distinguishes the zero page, which smaps does not count, from other pages. */
struct scan_region {
    uint64_t start;
    uint64_t end;
    uint64_t categories;
};
struct scan_request {
    uint64_t size;
    uint64_t flags;
    uint64_t start;
    uint64_t end;
    uint64_t walk_end;
    uint64_t regions;
    uint64_t region_count;
    uint64_t max_pages;
    uint64_t inverted;
    uint64_t mask;
    uint64_t any_of;
    uint64_t wanted;
};
#define SCAN_FILE ((uint64_t)1 << 2)
#define SCAN_PRESENT ((uint64_t)1 << 3)
#define SCAN_SWAPPED ((uint64_t)1 << 4)
#define SCAN_ZERO_PAGE ((uint64_t)1 << 5)
#define SCAN_REGIONS 512

/* A page's word in /proc/PID/pagemap. */
#define WORD_FILE ((uint64_t)1 << 61)
#define WORD_SWAPPED ((uint64_t)1 << 62)
#define WORD_PRESENT ((uint64_t)1 << 63)
#define WORDS 512

/* Purpose: a question, about units of TARGET_PAGE in [from, to), and its answer. */
struct wanted {
    uint64_t from;
    uint64_t to;
    bool is_own;          /* asks for pages that are private and have content, swapped out or not */
    uint8_t *present;     /* a byte a unit, or NULL */
    struct page_set *set; /* or NULL */
    uint64_t bytes;       /* out */
};

/* Record that [start, end) is present, as far as that was asked for. */
static void note_present(struct wanted *wanted, uint64_t start, uint64_t end)
{
    if (start < wanted->from)
        start = wanted->from;
    if (end > wanted->to)
        end = wanted->to;
    if (start >= end)
        return;
    wanted->bytes += end - start;
    if (wanted->set)
        page_set_add(wanted->set, start, end);
    if (wanted->present)
        memset(wanted->present + (start - wanted->from) / TARGET_PAGE, 1,
               (end - start) / TARGET_PAGE);
}

static bool scan_pages(int file, struct wanted *wanted, uint64_t page)
{
    struct scan_region regions[SCAN_REGIONS];
    uint64_t end = (wanted->to + page - 1) / page * page;
    uint64_t excluded = SCAN_ZERO_PAGE | (wanted->is_own ? SCAN_FILE : 0);
    for (uint64_t at = wanted->from / page * page; at < end;) {
        struct scan_request scan = {
            .size = sizeof scan,
            .start = at,
            .end = end,
            .regions = (uint64_t)(uintptr_t)regions,
            .region_count = SCAN_REGIONS,
            .inverted = excluded,
            .mask = excluded,
            .any_of = SCAN_PRESENT | (wanted->is_own ? SCAN_SWAPPED : 0),
            .wanted = SCAN_PRESENT,
        };
        int count = ioctl(file, _IOWR('f', 16, struct scan_request), &scan);
        if (count < 0 || scan.walk_end <= at)
            return false;
        for (int i = 0; i < count; i++)
            note_present(wanted, regions[i].start, regions[i].end);
        at = scan.walk_end;
    }
    return true;
}

static bool is_wanted(const struct wanted *wanted, uint64_t word)
{
    if (!wanted->is_own)
        return word & WORD_PRESENT;
    return word & (WORD_PRESENT | WORD_SWAPPED) && !(word & WORD_FILE);
}

static void read_pagemap(int file, struct wanted *wanted, uint64_t page)
{
    uint64_t words[WORDS];
    uint64_t end = (wanted->to + page - 1) / page;
    for (uint64_t at = wanted->from / page; at < end;) {
        uint64_t want = end - at < WORDS ? end - at : WORDS;
        ssize_t got = pread(file, words, want * sizeof words[0], (off_t)(at * sizeof words[0]));
        if (got < (ssize_t)sizeof words[0])
            return;
        for (size_t i = 0; i < (size_t)got / sizeof words[0]; i++, at++)
            if (is_wanted(wanted, words[i]))
                note_present(wanted, at * page, (at + 1) * page);
    }
}

void residency_from_pagemap(int file, uint64_t address, size_t pages, uint8_t *present)
{
    struct wanted wanted = {
        .from = address, .to = address + pages * TARGET_PAGE, .present = present};
    read_pagemap(file, &wanted, (uint64_t)sysconf(_SC_PAGESIZE));
}

/* The pagemap has a word for each page of address space, so it is read only where there are
 * mappings. */
static void read_mapped(struct target *target, struct wanted *wanted, uint64_t page)
{
    for (size_t i = 0; i < target->mapping_count; i++) {
        const struct mapping *mapping = &target->mappings[i];
        struct wanted part = *wanted;
        if (mapping->start >= wanted->to || mapping->end <= wanted->from || mapping->rss == 0)
            continue;
        part.from = mapping->start > wanted->from ? mapping->start : wanted->from;
        part.to = mapping->end < wanted->to ? mapping->end : wanted->to;
        part.bytes = 0;
        if (wanted->present)
            part.present = wanted->present + (part.from - wanted->from) / TARGET_PAGE;
        read_pagemap(target->file, &part, page);
        wanted->bytes += part.bytes;
    }
}

static uint64_t find_pages(struct target *target, struct wanted *wanted)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    if (wanted->to > TARGET_ADDRESS_END)
        wanted->to = TARGET_ADDRESS_END;
    if (wanted->from >= wanted->to || scan_pages(target->file, wanted, page))
        return wanted->bytes;
    wanted->bytes = 0;
    read_mapped(target, wanted, page);
    return wanted->bytes;
}

static size_t find_units(struct target *target, uint64_t address, size_t pages, uint8_t *present,
                         bool is_own)
{
    struct wanted wanted = {
        .from = address, .to = address + pages * TARGET_PAGE, .is_own = is_own, .present = present};
    memset(present, 0, pages);
    if (target->is_core)
        return core_present(target, address, pages, present);
    return find_pages(target, &wanted) / TARGET_PAGE;
}

size_t target_present(struct target *target, uint64_t address, size_t pages, uint8_t *present)
{
    return find_units(target, address, pages, present, false);
}

size_t target_own(struct target *target, uint64_t address, size_t pages, uint8_t *own)
{
    return find_units(target, address, pages, own, true);
}

/* Bytes of the pages in a core that are not all zero. */
static uint64_t find_in_core(struct target *target, uint64_t from, uint64_t to,
                             struct page_set *set)
{
    uint8_t present[512];
    uint64_t bytes = 0;
    uint64_t start;
    uint64_t end;
    for (uint64_t at = from; core_next(target, at, to, &start, &end);) {
        size_t pages;
        for (at = start / TARGET_PAGE * TARGET_PAGE; at < end; at += pages * TARGET_PAGE) {
            uint64_t rest = (end - at + TARGET_PAGE - 1) / TARGET_PAGE;
            struct wanted wanted = {.from = from, .to = to, .set = set};
            pages = rest < sizeof present ? rest : sizeof present;
            memset(present, 0, pages);
            core_present(target, at, pages, present);
            for (size_t i = 0; i < pages; i++)
                if (present[i])
                    note_present(&wanted, at + i * TARGET_PAGE, at + (i + 1) * TARGET_PAGE);
            bytes += wanted.bytes;
        }
    }
    return bytes;
}

static uint64_t core_bytes(struct target *target, uint64_t from, uint64_t to)
{
    uint64_t bytes = 0;
    uint64_t end;
    for (uint64_t at = from; core_next(target, at, to, &at, &end); at = end)
        bytes += end - at;
    return bytes;
}

static uint64_t find_resident(struct target *target, uint64_t from, uint64_t to,
                              struct page_set *set)
{
    struct wanted wanted = {.from = from, .to = to, .set = set};
    if (from >= to)
        return 0;
    return target->is_core ? find_in_core(target, from, to, set) : find_pages(target, &wanted);
}

uint64_t target_resident_bytes(struct target *target, uint64_t from, uint64_t to)
{
    return find_resident(target, from, to, NULL);
}

void target_resident_pages(struct target *target, uint64_t from, uint64_t to, struct page_set *set)
{
    find_resident(target, from, to, set);
}

uint64_t target_own_bytes(struct target *target, uint64_t from, uint64_t to)
{
    struct wanted wanted = {.from = from, .to = to, .is_own = true};
    if (from >= to)
        return 0;
    return target->is_core ? core_bytes(target, from, to) : find_pages(target, &wanted);
}
