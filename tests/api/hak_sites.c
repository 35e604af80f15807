/* SPDX-License-Identifier: MIT */
/*
 * hak_alloc_at and hak_site_stats: blocks as malloc's, calls and bytes counted for each site
 * exactly, from several threads at once, and for many sites.
 */
#include "check.h"
#include "hak_names.h"

#include <pthread.h>

static void expect_site(uint32_t site, uint64_t calls, uint64_t bytes)
{
    check_case = site;
    struct hak_site seen;
    memset(&seen, 0xee, sizeof seen);
    CHECK(hak.site_stats(site, &seen));
    CHECK_EQ(seen.site, site);
    CHECK_EQ(seen.calls, calls);
    CHECK_EQ(seen.bytes, bytes);
}

static void counts_are_exact(void)
{
    static const size_t sizes[] = {0, 1, 100, 1024, 1025, 52 * KIB, 100 * KIB, 2 * MIB, 3 * MIB};
    enum { EACH = sizeof sizes / sizeof sizes[0] };
    struct hak_site seen;
    CHECK(!hak.site_stats(77, &seen));
    uint64_t bytes = 0;
    void *blocks[EACH];
    for (size_t i = 0; i < EACH; i++) {
        check_case = sizes[i];
        blocks[i] = hak.alloc_at(sizes[i], 77);
        CHECK(blocks[i] != NULL && is_aligned(blocks[i], 16));
        CHECK_EQ(malloc_usable_size(blocks[i]), hak.good_size(sizes[i]));
        pattern_fill_sparse(blocks[i], sizes[i], i);
        bytes += sizes[i];
    }
    expect_site(77, EACH, bytes);
    for (size_t i = 0; i < EACH; i++) {
        CHECK(pattern_sparse_holds(blocks[i], sizes[i], sizes[i], i));
        free(blocks[i]);
    }
    expect_site(77, EACH, bytes); /* counts allocations, so far: a free takes nothing away */
    CHECK(!hak.site_stats(78, &seen));
}

/* Site 0 means none: a block as any, and nothing counted. */
static void site_zero(void)
{
    struct hak_site seen;
    void *block = hak.alloc_at(100, 0);
    CHECK(block != NULL);
    free(block);
    CHECK(!hak.site_stats(0, &seen));
}

static void failures(void)
{
    CHECK_FAILS(hak.alloc_at(SIZE_MAX, 5), ENOMEM);
    CHECK_FAILS(hak.alloc_at(PTRDIFF_LIMIT, 5), ENOMEM);
}

static void many_sites(void)
{
    for (int round = 0; round < 2; round++)
        for (uint32_t site = 1000; site < 1200; site++)
            free(hak.alloc_at(site % 50, site));
    free(hak.alloc_at(10, UINT32_MAX));
    for (uint32_t site = 1000; site < 1200; site++)
        expect_site(site, 2, 2 * (site % 50));
    expect_site(UINT32_MAX, 1, 10);
}

static void *allocate_at_site(void *unused)
{
    (void)unused;
    for (int i = 0; i < 20000; i++)
        free(hak.alloc_at(33, 4242));
    return NULL;
}

static void several_threads(void)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, allocate_at_site, NULL), 0);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    expect_site(4242, 80000, 80000 * 33);
}

/* Sites appear in malloc_info. */
static void in_the_report(void)
{
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    CHECK(stream != NULL);
    CHECK_EQ(malloc_info(0, stream), 0);
    CHECK_EQ(fclose(stream), 0);
    CHECK(strstr(text, "4242") != NULL);
    free(text);
}

int main(void)
{
    if (!hak_find())
        return 0;
    counts_are_exact();
    site_zero();
    failures();
    many_sites();
    several_threads();
    in_the_report();
    CHECK_EQ(hak.check(), 0);
    return 0;
}
