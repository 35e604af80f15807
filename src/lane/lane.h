/* SPDX-License-Identifier: MIT */
/*
 * The lanes: Tiny [0, 1024], Pool [1025, 52 KiB], ACE (52 KiB, 2 MiB], Huge above. ACE is the
 * adaptive cache of extents. Tiny and Pool have their blocks from the shared pool: slabs cut into
 * blocks of one size class, and above them, for each class, a depot of batches. Blocks of ACE are
 * spans: runs of slabs. A Huge block is a range of superslabs. Every lane has take and give; ACE
 * and Huge also resize.
 *
 * This header is for the layers above: it includes the headers of the lanes' modules, and those of
 * the slab layer that the front layer uses. The lanes' own files include the headers that they use.
 *
 * Locks: the depot lock, then the class lock, then the locks of the slab layer inside them, but for
 * the decay lock, which is outermost. The lanes never use each other.
 */
#ifndef HAK_LANE_LANE_H
#define HAK_LANE_LANE_H

#include "lane/ace.h"
#include "lane/collapse.h"
#include "lane/density.h"
#include "lane/depot.h"
#include "lane/huge.h"
#include "lane/idle_pages.h"
#include "lane/pool_check.h"
#include "lane/pool_give.h"
#include "lane/shared_pool.h"
#include "lane/size_class.h"
#include "lane/span_list.h"
#include "lane/verdict.h"
#include "slab/decay.h"
#include "slab/drain.h"
#include "slab/mapping.h"
#include "slab/meta.h"
#include "slab/purge.h"
#include "slab/reservation.h"
#include "slab/room.h"
#include "slab/slab.h"
#include "slab/slab_check.h"
#include "slab/slab_fork.h"
#include "slab/slab_run.h"
#include "slab/warm_bound.h"

#endif
