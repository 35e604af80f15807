/* SPDX-License-Identifier: MIT */
/*
 * Made-up figures of a program's life, and the advice that is expected on them. The tests of advice
 * begin with a program that nothing is said of, and change what they are about.
 */
#ifndef HAK_TESTS_CLI_LIFE_H
#define HAK_TESTS_CLI_LIFE_H

#include <stdlib.h>
#include <string.h>

#include "parts.h"

#include "lane/lane.h"
#include "run/heap_advice.h"

#define LOOKS 80
#define MEBI ((uint64_t)1 << 20)

struct life {
    struct heap_facts facts;
    struct moment moments[LOOKS];
    struct class_bytes classes[LOOKS][CLASS_HUGE + 1];
    struct advice advice;
};

static inline unsigned class_of(size_t size)
{
    return size_class_of(size);
}

/* A look each 0.1 s; 100 MiB live in blocks of 1024 bytes, 10 MiB of others, nothing free. */
static inline struct life *begin(void **state)
{
    struct life *life = *state;
    memset(life, 0, sizeof *life);
    for (size_t i = 0; i < LOOKS; i++) {
        life->moments[i] = (struct moment){.at = 0.1 * (double)(i + 1),
                                           .rss = 110 * MEBI,
                                           .live = 100 * MEBI,
                                           .others = 10 * MEBI,
                                           .classes = life->classes[i]};
        life->classes[i][class_of(1024)].live = 100 * MEBI;
    }
    life->facts = (struct heap_facts){.moments = life->moments,
                                      .count = LOOKS,
                                      .threads = 4,
                                      .faults = 28000,
                                      .user_seconds = 2,
                                      .system_seconds = 0.05,
                                      .decay_ms = 1000,
                                      .caches_total_max = 16 * MEBI};
    return life;
}

/* Give the advice. The peak is the look with the most, where it was not set. */
static inline const struct advice *advise(struct life *life)
{
    for (size_t i = 0; i < LOOKS; i++)
        if (life->moments[i].rss > life->facts.peak.rss)
            life->facts.peak = life->moments[i];
    life->advice.count = 0;
    memset(life->advice.lines, 0, sizeof life->advice.lines);
    heap_advise(&life->facts, &life->advice);
    return &life->advice;
}

/* The only advice is this. */
static inline void expect(struct life *life, const char *line)
{
    const struct advice *advice = advise(life);
    for (size_t i = 0; i < advice->count; i++)
        if (advice->count > 1 || strcmp(advice->lines[i], line) != 0)
            print_message("got: %s\n", advice->lines[i]);
    CHECK_EQ(advice->count, 1);
    CHECK(strcmp(advice->lines[0], line) == 0);
}

static inline void expect_none(struct life *life)
{
    const struct advice *advice = advise(life);
    for (size_t i = 0; i < advice->count; i++)
        print_message("got: %s\n", advice->lines[i]);
    CHECK_EQ(advice->count, 0);
}

static inline void set_live(struct life *life, size_t look, uint64_t bytes, size_t size)
{
    struct moment *moment = &life->moments[look];
    unsigned size_class = size ? class_of(size) : CLASS_HUGE;
    moment->live = 100 * MEBI + bytes;
    moment->rss = moment->live + moment->others;
    life->classes[look][size_class].live = bytes + (size == 1024 ? 100 * MEBI : 0);
}

static inline int set_up(void **state)
{
    *state = malloc(sizeof(struct life));
    return *state == NULL;
}

static inline int tear_down(void **state)
{
    free(*state);
    return 0;
}

#endif
