/* SPDX-License-Identifier: MIT */
/*
 * Owns the queue by which the soak's workers hand blocks to each other, so that most of what one
 * thread allocates here is freed by another. Bounded: who finds it full keeps the block.
 */
#include "soak.h"

#define QUEUE_BLOCKS 4096

/* Purpose: a ring. head and tail only grow; tail - head blocks are in it. Under the lock. */
static struct {
    pthread_mutex_t lock;
    size_t head;
    size_t tail;
    struct block blocks[QUEUE_BLOCKS];
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER};

bool queue_push(struct block *block)
{
    pthread_mutex_lock(&queue.lock);
    bool has_room = queue.tail - queue.head < QUEUE_BLOCKS;
    if (has_room)
        queue.blocks[queue.tail++ % QUEUE_BLOCKS] = *block;
    pthread_mutex_unlock(&queue.lock);
    if (has_room)
        block->start = NULL;
    return has_room;
}

bool queue_pop(struct block *block)
{
    pthread_mutex_lock(&queue.lock);
    bool has_one = queue.tail != queue.head;
    if (has_one)
        *block = queue.blocks[queue.head++ % QUEUE_BLOCKS];
    pthread_mutex_unlock(&queue.lock);
    return has_one;
}

void queue_visit(soak_visit *visit)
{
    for (size_t at = queue.head; at != queue.tail; at++)
        visit(&queue.blocks[at % QUEUE_BLOCKS]);
}
