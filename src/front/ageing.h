/* SPDX-License-Identifier: MIT */
/*
 * The work of one epoch. ageing.c
 */
#ifndef HAK_FRONT_AGEING_H
#define HAK_FRONT_AGEING_H

#include "lane/lane.h"

/* For slow paths: a new epoch's work begins, if the last one's has ended. No lock may be held. */
void ageing_begin(void);
/* ageing_is_under_way: is some of the work left? ageing_go_on does a part of it, and returns the
 * verdict on the first block at fault. */
bool ageing_is_under_way(void);
struct verdict ageing_go_on(void);
/* Do all of it at once, for the helper; all free memory goes back if memory is short. *verdict is
 * on the first block at fault. Returns whether some work is left for later epochs. */
bool ageing_work(bool is_short, struct verdict *verdict);

#endif
