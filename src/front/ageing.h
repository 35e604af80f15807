/* SPDX-License-Identifier: MIT */
/*
 * The work of one epoch: free memory ages, and old memory goes back to the kernel. ageing.c
 */
#ifndef HAK_FRONT_AGEING_H
#define HAK_FRONT_AGEING_H

#include "lane/lane.h"

/* Begin the work of a new epoch, for slow paths. If the work of the last epoch is not done, it
 * continues. The caller may hold no lock. */
void ageing_begin(void);
/* ageing_is_under_way: is some work left? ageing_go_on does a part of it, and returns the verdict
 * on the first faulty block. */
bool ageing_is_under_way(void);
struct verdict ageing_go_on(void);
/* Do all the work of an epoch at once, for the helper. If is_short, all free memory goes back, of
 * any age. *verdict is on the first faulty block. Returns whether some work is left for later
 * epochs. */
bool ageing_work(bool is_short, struct verdict *verdict);

#endif
