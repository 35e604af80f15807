/* SPDX-License-Identifier: MIT */
/*
 * Gives all free memory back at once. trim.c
 */
#ifndef HAK_FRONT_TRIM_H
#define HAK_FRONT_TRIM_H

#include "base/base.h"

/* Empty the thread caches as far as possible, the depots, the warm pool, and the free pages of
 * partly used slabs. Returns the bytes of pages that went back to the kernel. The caller may hold
 * no lock. */
size_t trim_all(void);

#endif
