/* SPDX-License-Identifier: MIT */
/*
 * What tests of the slab layer share: a reservation with address space rationed or not, a test that
 * runs both ways, and the longest run in a mask, counted bit by bit.
 */
#ifndef TESTS_UNIT_SLAB_LAYER_H
#define TESTS_UNIT_SLAB_LAYER_H

#include "unit/unit.h"

#include "slab/reservation.h"
#include "slab/space.h"

static bool is_rationed;

static inline void make_reservation(void)
{
    settings.decay_ms = -1;
    if (is_rationed)
        unit_ration();
    CHECK(reservation_make());
    CHECK_EQ(space.is_rationed, is_rationed);
}

/* Run the body in two children: with address space unlimited, and rationed. */
#define CHECK_BOTH_WAYS(body)                                                                      \
    do {                                                                                           \
        is_rationed = false;                                                                       \
        CHECK_CHILD(body);                                                                         \
        is_rationed = true;                                                                        \
        CHECK_CHILD(body);                                                                         \
    } while (0)

static inline unsigned longest_by_bits(uint32_t mask)
{
    unsigned longest = 0;
    unsigned length = 0;
    for (unsigned i = 0; i < 32; i++) {
        length = mask >> i & 1 ? length + 1 : 0;
        longest = length > longest ? length : longest;
    }
    return longest;
}

#endif
