/* SPDX-License-Identifier: MIT */
/*
 * All free memory given back at once. trim.c
 */
#ifndef HAK_FRONT_TRIM_H
#define HAK_FRONT_TRIM_H

#include "base/base.h"

/* Empty all thread caches as far as they can be, the depots, the warm pool, and the free pages of
 * partly used slabs. Returns the bytes of pages that went back to the kernel. No lock may be
 * held. */
size_t trim_all(void);

#endif
