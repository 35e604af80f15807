/* SPDX-License-Identifier: MIT */
/*
 * For tests of figures that are written: a writer that keeps them, and a full snapshot.
 */
#ifndef HAK_UNIT_RENDERED_H
#define HAK_UNIT_RENDERED_H

#include "unit/written.h"

#include "diag/diag.h"

/* A snapshot in which every figure is another one, as large as can be. */
static inline struct snapshot *full_snapshot(void)
{
    static struct snapshot snapshot = {.peak_bytes = UINT64_MAX - 100001};
    uint64_t value = UINT64_MAX - 100000;
    uint64_t *words = (uint64_t *)&snapshot.stats;
    for (size_t i = 0; i < sizeof(snapshot.stats) / 8; i++)
        words[i] = value++;
    for (unsigned i = CLASS_FIRST; i <= CLASS_ACE_LAST; i++)
        snapshot.classes[i] = (struct class_figures){size_classes[i].size,
                                                     value - i,
                                                     value + i,
                                                     1000 + i,
                                                     100 + i,
                                                     2000 + i,
                                                     {value + 200 + i, value + 400 + i}};
    return &snapshot;
}

#endif
