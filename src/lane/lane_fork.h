/* SPDX-License-Identifier: MIT */
/*
 * All locks of the lanes, in order, for fork.
 */
#ifndef HAK_LANE_LANE_FORK_H
#define HAK_LANE_LANE_FORK_H

#include "base/base.h"

void lane_lock_all(void);
void lane_unlock_all(void);
void lane_reset_locks(void);

#endif
