/* SPDX-License-Identifier: MIT */
/*
 * Three loads that are known to blow heaps up: blocks that one thread allocates and another frees,
 * sizes that change while a part of the old ones stays, and a few long-lived blocks among many that
 * are not. Each worker has a table of its own; there is nothing else.
 */
#include "soak.h"

/* ---- handover: one thread allocates, another frees ---- */

#define BATCH 32

static void hand_over(struct worker *worker, unsigned cycle)
{
    (void)cycle;
    for (unsigned i = 0; i < BATCH; i++) {
        struct block block;
        if (worker->number % 2 == 1) {
            if (queue_pop(&block))
                block_put(&worker->tally, &block);
        } else if (block_get(&worker->tally, &block, block_size(&worker->random, 16, 4096),
                             &worker->random) &&
                   !queue_push(&block)) {
            block_put(&worker->tally, &block);
        }
    }
}

static bool none_stays(size_t slot)
{
    (void)slot;
    return false;
}

const struct load load_handover = {
    .name = "handover", .period = 1, .step = hand_over, .stays = none_stays};

/* ---- shift: the sizes of one phase, then those of another ---- */

#define SHIFT_SIZES 6
#define SHIFT_SLOTS 65536
#define SHIFT_BYTES (12 * SOAK_MIB)

/* A slot's block replaced by one of this phase's sizes. The larger they are, the fewer slots have
 * a block, so that all phases hold about the same. */
static void replace(struct worker *worker, unsigned cycle)
{
    static const size_t low[SHIFT_SIZES] = {64, 1024, 256, 16 * SOAK_KIB, 128, 4096};
    size_t from = low[cycle % SHIFT_SIZES];
    size_t slot = random_next(&worker->random) % SHIFT_SLOTS;
    block_put(&worker->tally, &worker->blocks[slot]);
    if (slot < SHIFT_BYTES / (from * 2))
        block_get(&worker->tally, &worker->blocks[slot],
                  block_size(&worker->random, from, from * 4), &worker->random);
}

static bool quarter_stays(size_t slot)
{
    return slot % 4 == 0;
}

const struct load load_shift = {.name = "shift",
                                .period = SHIFT_SIZES,
                                .slots = SHIFT_SLOTS,
                                .step = replace,
                                .stays = quarter_stays};

/* ---- pins: one block in a thousand lives on ---- */

#define PINS 512
#define BURST 65536

/* A slot of the burst filled, or emptied: its block then takes a pin's place at times. */
static void fill_or_empty(struct worker *worker, unsigned cycle)
{
    (void)cycle;
    struct block *block = &worker->blocks[PINS + random_next(&worker->random) % BURST];
    uint64_t dice = random_next(&worker->random) % 3000;
    if (!block->start) {
        size_t size = 16 + random_next(&worker->random) % 685;
        block_get(&worker->tally, block, dice == 0 ? size * 300 : size, &worker->random);
    } else if (dice % 1000 == 0) {
        struct block *pin = &worker->blocks[random_next(&worker->random) % PINS];
        block_put(&worker->tally, pin);
        *pin = *block;
        block->start = NULL;
    } else {
        block_put(&worker->tally, block);
    }
}

static bool pin_stays(size_t slot)
{
    return slot < PINS;
}

const struct load load_pins = {
    .name = "pins", .period = 1, .slots = PINS + BURST, .step = fill_or_empty, .stays = pin_stays};
