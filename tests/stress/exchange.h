/* SPDX-License-Identifier: MIT */
/*
 * A shared array of slots through which threads pass blocks to each other by atomic exchange: what
 * one allocated another checks, resizes, aligns or frees. One step is one such act.
 */
#ifndef TESTS_STRESS_EXCHANGE_H
#define TESTS_STRESS_EXCHANGE_H

#include "stress.h"

#define EXCHANGE_SLOTS 512

/* Each slot: NULL or a held block that nobody else has. The struct lives in the tested heap too. */
static _Atomic(struct held *) exchange_slots[EXCHANGE_SLOTS];

static inline struct held *exchange(size_t slot, struct held *held)
{
    return atomic_exchange_explicit(&exchange_slots[slot], held, memory_order_acq_rel);
}

static inline void exchange_drop(struct held *held)
{
    if (held == NULL)
        return;
    held_free(held);
    test_free(held);
}

/* A Huge block mostly stays Huge: growing and moving it is a way of its own. */
static inline size_t next_size(const struct held *held, uint64_t *random)
{
    if (held->size > 2 * MIB && random_next(random) % 4 != 0)
        return 2 * MIB + 1 + random_next(random) % (6 * MIB);
    return random_size(random);
}

static inline void exchange_step(uint64_t *random)
{
    size_t slot = random_next(random) % EXCHANGE_SLOTS;
    struct held *held = exchange(slot, NULL);
    uint64_t act = random_next(random) % 8;
    if (held != NULL && act < 4) {
        exchange_drop(held);
        return;
    }
    if (held != NULL) {
        if (act < 7)
            held_resize(held, next_size(held, random), random);
        else
            held_check(held);
    } else {
        held = test_malloc(sizeof *held);
        REQUIRE(held != NULL);
        held_allocate(held, random_size(random), random);
    }
    exchange_drop(exchange(slot, held));
}

/* After all threads have ended. */
static inline void exchange_empty(void)
{
    for (size_t slot = 0; slot < EXCHANGE_SLOTS; slot++)
        exchange_drop(exchange(slot, NULL));
}

#endif
