/* SPDX-License-Identifier: MIT */
/*
 * Makes the threads of a process come to a slow path, so that a request is served soon.
 */
#ifndef HAK_CLI_NUDGE_H
#define HAK_CLI_NUDGE_H

#include "heap/view.h"

/*
 * Make each bin of each thread look empty, so that its next malloc takes the slow path. A thread
 * may undo this by itself, so call again until the request is served. Writes one byte of a bin's
 * bottom, with a value that the library's slow paths expect, and only in metadata that was private
 * memory of the process when the view was opened. False: see the target's error.
 */
bool nudge_threads(const struct heap_view *view);

#endif
