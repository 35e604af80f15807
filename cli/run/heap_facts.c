/* SPDX-License-Identifier: MIT */
/*
 * Words that several pieces of advice need.
 */
#include "run/heap_facts.h"

#include <inttypes.h>

#include "lane/lane.h"

void heap_add_class(struct advice *advice, unsigned size_class)
{
    if (size_class >= CLASS_HUGE)
        advice_add(advice, "Huge blocks");
    else
        advice_add(advice, "blocks of %" PRIu32 " bytes", size_classes[size_class].size);
}
