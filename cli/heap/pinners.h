/* SPDX-License-Identifier: MIT */
/*
 * The live blocks that pin pages: the free bytes of a page stay resident as long as one block in it
 * is in use. These blocks are charged with the free bytes, in proportion to their bytes in the
 * page.
 */
#ifndef HAK_CLI_PINNERS_H
#define HAK_CLI_PINNERS_H

#include "heap/profile_view.h"

/* Set the pinned figures of each site, and `partly_free`. The heap must have been copied just
 * before the profile. A sampled block with u of the U used bytes of a resident page is charged
 * u / U of the page's free bytes, times its weight. */
void pinners_find(struct profile_view *copied, const struct heap_view *view);

#endif
