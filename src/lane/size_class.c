/* SPDX-License-Identifier: MIT */
/*
 * The table of size classes: constants, checked at compile time and by tests/unit/size_class.c.
 * Blocks up to 8 KiB come from runs of one slab. Larger Pool blocks come from the shortest run of
 * slabs that wastes at most 1/8 at its end. An ACE span is the shortest run that holds it.
 */
#include "lane/size_class.h"

#define ROW(bytes, run)                                                                            \
    {                                                                                              \
        .reciprocal = ((uint64_t)1 << RECIPROCAL_SHIFT) / (bytes) + 1, .size = (bytes),            \
        .blocks = (run)*SLAB_SIZE / (bytes), .slabs = (run)                                        \
    }

/* Eight classes above `base`, each of one slab. */
#define DOUBLING(base)                                                                             \
    ROW((base) / 8 * 9, 1), ROW((base) / 8 * 10, 1), ROW((base) / 8 * 11, 1),                      \
        ROW((base) / 8 * 12, 1), ROW((base) / 8 * 13, 1), ROW((base) / 8 * 14, 1),                 \
        ROW((base) / 8 * 15, 1), ROW((base) / 8 * 16, 1)

#define ACE(bytes) ROW(bytes, ((bytes) + SLAB_SIZE - 1) / SLAB_SIZE)
#define ACE_DOUBLING(base)                                                                         \
    ACE((base) / 8 * 9), ACE((base) / 8 * 10), ACE((base) / 8 * 11), ACE((base) / 8 * 12),         \
        ACE((base) / 8 * 13), ACE((base) / 8 * 14), ACE((base) / 8 * 15), ACE((base) / 8 * 16)

const struct size_class size_classes[CLASS_COUNT] = {
    [CLASS_FIRST] =
        /* Tiny */
    ROW(16, 1),
    ROW(32, 1),
    ROW(48, 1),
    ROW(64, 1),
    ROW(80, 1),
    ROW(96, 1),
    ROW(112, 1),
    ROW(128, 1),
    DOUBLING(128),
    DOUBLING(256),
    DOUBLING(512),
    /* Pool */
    DOUBLING(1024),
    DOUBLING(2048),
    DOUBLING(4096),
    ROW(9216, 1),
    ROW(10240, 1),
    ROW(11264, 2),
    ROW(12288, 1),
    ROW(13312, 2),
    ROW(14336, 1),
    ROW(15360, 1),
    ROW(16384, 1),
    ROW(18432, 2),
    ROW(20480, 1),
    ROW(22528, 3),
    ROW(24576, 2),
    ROW(26624, 3),
    ROW(28672, 1),
    ROW(30720, 1),
    ROW(32768, 1),
    ROW(36864, 5),
    ROW(40960, 2),
    ROW(45056, 3),
    ROW(49152, 3),
    ROW(53248, 5),
    /* ACE */
    ACE(57344),
    ACE(61440),
    ACE(65536),
    ACE_DOUBLING(64 * KIB),
    ACE_DOUBLING(128 * KIB),
    ACE_DOUBLING(256 * KIB),
    ACE_DOUBLING(512 * KIB),
    ACE_DOUBLING(1 * MIB),
};

_Static_assert(LANE_TINY_MAX == 1024 && LANE_POOL_MAX == 53248 && LANE_ACE_MAX == 2 * MIB,
               "the classes end where the lanes do");
