/* SPDX-License-Identifier: MIT */
/*
 * Which pages of a target are resident: of a process by PAGEMAP_SCAN, or from /proc/PID/pagemap
 * where the kernel is older; of a core by core_file.c. Called by the verbs, as target_present. The
 * kernel's pages may be larger than the units that are asked for.
 */
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "target.h"

/* PAGEMAP_SCAN (Linux 6.7): as in linux/fs.h, which may be older. It alone tells the zero page,
 * which smaps does not count, from others. */
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
#define SCAN_PRESENT ((uint64_t)1 << 3)
#define SCAN_ZERO_PAGE ((uint64_t)1 << 5)
#define SCAN_REGIONS 512

/* Purpose: what was asked for: units of TARGET_PAGE from `address`. */
struct wanted {
    uint64_t address;
    uint64_t end;
    uint8_t *present;
};

/* Note that [start, end) is present, as far as that was asked for. */
static void note_present(const struct wanted *wanted, uint64_t start, uint64_t end)
{
    if (start < wanted->address)
        start = wanted->address;
    if (end > wanted->end)
        end = wanted->end;
    if (start < end)
        memset(wanted->present + (start - wanted->address) / TARGET_PAGE, 1,
               (end - start) / TARGET_PAGE);
}

static bool scan_pages(int file, const struct wanted *wanted, uint64_t page)
{
    struct scan_region regions[SCAN_REGIONS];
    uint64_t end = (wanted->end + page - 1) / page * page;
    for (uint64_t at = wanted->address / page * page; at < end;) {
        struct scan_request scan = {
            .size = sizeof scan,
            .start = at,
            .end = end,
            .regions = (uint64_t)(uintptr_t)regions,
            .region_count = SCAN_REGIONS,
            .inverted = SCAN_ZERO_PAGE,
            .mask = SCAN_PRESENT | SCAN_ZERO_PAGE,
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

/* Bit 63 of a page's word: it is present. */
static void read_pagemap(int file, const struct wanted *wanted, uint64_t page)
{
    uint64_t words[512];
    uint64_t end = (wanted->end + page - 1) / page;
    for (uint64_t at = wanted->address / page; at < end;) {
        uint64_t want = end - at < 512 ? end - at : 512;
        ssize_t got = pread(file, words, want * sizeof words[0], (off_t)(at * sizeof words[0]));
        if (got < (ssize_t)sizeof words[0])
            return;
        for (size_t i = 0; i < (size_t)got / sizeof words[0]; i++, at++)
            if (words[i] >> 63)
                note_present(wanted, at * page, (at + 1) * page);
    }
}

void residency_from_pagemap(int file, uint64_t address, size_t pages, uint8_t *present)
{
    struct wanted wanted = {address, address + pages * TARGET_PAGE, present};
    read_pagemap(file, &wanted, (uint64_t)sysconf(_SC_PAGESIZE));
}

void target_present(struct target *target, uint64_t address, size_t pages, uint8_t *present)
{
    struct wanted wanted = {address, address + pages * TARGET_PAGE, present};
    memset(present, 0, pages);
    if (target->is_core)
        core_present(target, address, pages, present);
    else if (!scan_pages(target->file, &wanted, (uint64_t)sysconf(_SC_PAGESIZE)))
        residency_from_pagemap(target->file, address, pages, present);
}
