/* SPDX-License-Identifier: MIT */
/*
 * Free blocks on their way from the bins to the lanes: judged, and given back. give_back.c
 */
#ifndef HAK_FRONT_GIVE_BACK_H
#define HAK_FRONT_GIVE_BACK_H

#include "lane/lane.h"

/* Would the lane take these free blocks of one class? The verdict on the first that is at fault. */
struct verdict give_back_judge(unsigned size_class, void **blocks, unsigned count);
/* Give them to the lane; the verdict on the first that is at fault. */
struct verdict give_back_blocks(unsigned size_class, void **blocks, unsigned count);

#endif
