/* SPDX-License-Identifier: MIT */
/*
 * The lanes: Tiny [0, 1024], Pool [1025, 52 KiB], ACE (52 KiB, 2 MiB], Huge above. The size classes
 * of the first three, and the same verbs for each lane: take, give, usable, resize. Tiny and Pool
 * are the shared pool: slabs cut into blocks of one class, and above them, per class, a depot of
 * full batches. An ACE span is a run of slabs, a Huge block a range of superslabs.
 *
 * This header is for the layers above: it includes those of the modules, and those of the slab
 * layer's that they use. The lanes' own files include what they use.
 *
 * Locks: class lock -> slab layer. The lanes never see each other.
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
