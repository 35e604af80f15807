/* SPDX-License-Identifier: MIT */
/*
 * Which thread does the work of an epoch: slow paths, or the helper. background.c
 */
#ifndef HAK_FRONT_BACKGROUND_H
#define HAK_FRONT_BACKGROUND_H

#include "base/base.h"

/* Each slow path calls this, with no lock held. Does a part of an epoch's work, or starts the
 * helper if the setting asks for one. */
void background_poll(void);
/* The program is set up: from here on a helper may be started. */
void background_allow(void);
void background_reset_in_child(void);
/* Empty the bins of all other threads: most blocks now, and the rest at the next slow paths of
 * these threads. */
void background_empty_others(void);

#endif
