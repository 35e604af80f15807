/* SPDX-License-Identifier: MIT */
/*
 * Gives free blocks from the bins to the lanes, after a check. give_back.c
 */
#ifndef HAK_FRONT_GIVE_BACK_H
#define HAK_FRONT_GIVE_BACK_H

#include "lane/lane.h"

/* Check free blocks of one class, as the lane would: the verdict on the first faulty one. */
struct verdict give_back_judge(unsigned size_class, void **blocks, unsigned count);
/* Give the blocks to the lane. Returns the verdict on the first faulty block. */
struct verdict give_back_blocks(unsigned size_class, void **blocks, unsigned count);

#endif
