/* SPDX-License-Identifier: MIT */
/*
 * Ageing, by slow paths or by the helper thread. background.c
 */
#ifndef HAK_FRONT_BACKGROUND_H
#define HAK_FRONT_BACKGROUND_H

#include "base/base.h"

/* Called by each slow path, with no lock held: does a part of an epoch's work, or starts the helper
 * where the setting asks for one. */
void background_poll(void);
/* From here on a helper may be started: the program is set up. */
void background_allow(void);
void background_reset_in_child(void);
/* Have the bins of all other threads emptied: now, as far as they can be, and the rest at their
 * threads' next slow path. */
void background_empty_others(void);

#endif
