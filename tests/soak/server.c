/* SPDX-License-Identifier: MIT */
/*
 * The load of a server: connections whose buffers grow as requests come in, small objects for each
 * request, a cache of all workers whose entries change in size from phase to phase, blocks freed by
 * another thread than the one that allocated them, large uploads, and forks now and then.
 */
#include "soak.h"

#include "hakmem/hakmem.h"

#include <sys/wait.h>

#define CONNECTIONS 64
#define UPLOADS 1 /* the last slot of a worker's table */
#define OBJECTS 24
#define CHILD_BLOCKS 2000
#define FORK_EVERY_MS 500

/* ---- the cache ---- */

#define SHARDS 8
#define SHARD_ENTRIES 8192
#define SHARD_BYTES (12 * SOAK_MIB)
#define SHARD_BYTES_AT_REST (3 * SOAK_MIB)
#define NONE UINT32_MAX

/* Purpose: entries by key, in order of their last use. Under the lock.
 * bytes == sum of the sizes of the entries that have a block; exactly these are in the list. */
struct shard {
    pthread_mutex_t lock;
    size_t bytes;
    uint32_t newest, oldest;
    struct entry {
        struct block block;
        uint32_t newer, older;
    } entries[SHARD_ENTRIES];
};

static struct shard *shards;

static void unlink_entry(struct shard *shard, uint32_t key)
{
    struct entry *entry = &shard->entries[key];
    *(entry->newer == NONE ? &shard->newest : &shard->entries[entry->newer].older) = entry->older;
    *(entry->older == NONE ? &shard->oldest : &shard->entries[entry->older].newer) = entry->newer;
}

static void link_newest(struct shard *shard, uint32_t key)
{
    struct entry *entry = &shard->entries[key];
    entry->newer = NONE;
    entry->older = shard->newest;
    *(shard->newest == NONE ? &shard->oldest : &shard->entries[shard->newest].newer) = key;
    shard->newest = key;
}

static void remove_entry(struct shard *shard, struct tally *tally, uint32_t key)
{
    unlink_entry(shard, key);
    shard->bytes -= shard->entries[key].block.size;
    block_put(tally, &shard->entries[key].block);
}

#define ENTRY_SIZES 4

/* Entries of 64 bytes to 1 KiB in one phase, of up to 128 KiB three phases later, and again. */
static size_t entry_size(uint64_t *random, unsigned cycle)
{
    static const size_t low[ENTRY_SIZES] = {64, 512, 4 * SOAK_KIB, 16 * SOAK_KIB};
    size_t from = random_next(random) % 8 == 0 ? low[0] : low[cycle % ENTRY_SIZES];
    return block_size(random, from, from * 8);
}

static void use_cache(struct worker *worker, unsigned cycle)
{
    struct shard *shard = &shards[random_next(&worker->random) % SHARDS];
    /* some keys are wanted much more often than others */
    uint64_t range = 1 + random_next(&worker->random) % SHARD_ENTRIES;
    uint32_t key = (uint32_t)(random_next(&worker->random) % range);
    struct block fresh = {0};
    pthread_mutex_lock(&shard->lock);
    struct entry *entry = &shard->entries[key];
    if (entry->block.start && random_next(&worker->random) % 4 != 0) {
        block_check(&entry->block);
        unlink_entry(shard, key);
        link_newest(shard, key);
    } else {
        if (entry->block.start)
            remove_entry(shard, &worker->tally, key);
        size_t size = entry_size(&worker->random, cycle);
        while (shard->oldest != NONE && shard->bytes + size > SHARD_BYTES)
            remove_entry(shard, &worker->tally, shard->oldest);
        if (block_get(&worker->tally, &fresh, size, &worker->random)) {
            entry->block = fresh;
            shard->bytes += size;
            link_newest(shard, key);
        }
    }
    pthread_mutex_unlock(&shard->lock);
}

static void start_cache(void)
{
    shards = harness_map(SHARDS * sizeof *shards);
    for (unsigned i = 0; i < SHARDS; i++) {
        pthread_mutex_init(&shards[i].lock, NULL);
        shards[i].newest = shards[i].oldest = NONE;
    }
}

/* Any entries, not the oldest: what stays is scattered over the heap. */
static void shrink_cache(struct tally *tally, uint64_t *random)
{
    for (unsigned i = 0; i < SHARDS; i++)
        while (shards[i].bytes > SHARD_BYTES_AT_REST) {
            uint32_t key = (uint32_t)(random_next(random) % SHARD_ENTRIES);
            if (shards[i].entries[key].block.start)
                remove_entry(&shards[i], tally, key);
        }
}

static void drain_cache(struct tally *tally)
{
    for (unsigned i = 0; i < SHARDS; i++)
        while (shards[i].oldest != NONE)
            remove_entry(&shards[i], tally, shards[i].oldest);
}

static void visit_cache(soak_visit *visit)
{
    for (unsigned i = 0; i < SHARDS; i++)
        for (uint32_t key = shards[i].newest; key != NONE; key = shards[i].entries[key].older)
            visit(&shards[i].entries[key].block);
}

/* ---- requests ---- */

static void handle_objects(struct worker *worker)
{
    struct block objects[OBJECTS];
    unsigned count = 4 + random_next(&worker->random) % (OBJECTS - 4);
    unsigned made = 0;
    for (unsigned i = 0; i < count; i++)
        made += block_get(&worker->tally, &objects[made], block_size(&worker->random, 8, 512),
                          &worker->random);
    if (made > 0 && random_next(&worker->random) % 2 == 0)
        queue_push(&objects[random_next(&worker->random) % made]);
    for (unsigned i = 0; i < made; i++)
        block_put(&worker->tally, &objects[i]);
}

/* The request arrives in pieces; the buffer doubles as often as it must. */
static void serve_request(struct worker *worker)
{
    struct block *buffer = &worker->blocks[random_next(&worker->random) % CONNECTIONS];
    size_t wanted = block_size(&worker->random, 512, 64 * SOAK_KIB);
    if (!buffer->start && !block_get(&worker->tally, buffer, 512, &worker->random))
        return;
    while (buffer->size < wanted)
        if (!block_resize(&worker->tally, buffer, buffer->size * 2))
            return;
    handle_objects(worker);
    uint64_t end = random_next(&worker->random) % 32;
    if (end < 2)
        block_put(&worker->tally, buffer);
    else if (end < 16)
        block_resize(&worker->tally, buffer, 512);
}

static void receive_upload(struct worker *worker)
{
    struct block *upload = &worker->blocks[CONNECTIONS];
    block_put(&worker->tally, upload);
    size_t wanted = block_size(&worker->random, SOAK_MIB, 32 * SOAK_MIB);
    if (!block_get(&worker->tally, upload, 64 * SOAK_KIB, &worker->random))
        return;
    while (upload->size < wanted)
        if (!block_resize(&worker->tally, upload, upload->size * 2))
            break;
    if (random_next(&worker->random) % 2 == 0)
        block_put(&worker->tally, upload);
}

/* ---- forks ---- */

_Atomic uint64_t soak_forks;
static _Atomic uint64_t next_fork_ms;

/* Is it time for a fork, and is it this caller's? */
static bool fork_is_due(void)
{
    uint64_t now = (uint64_t)(harness_now() * 1e3);
    uint64_t next = atomic_load(&next_fork_ms);
    return now >= next && atomic_compare_exchange_strong(&next_fork_ms, &next, now + FORK_EVERY_MS);
}

static _Noreturn void be_child(struct worker *worker)
{
    static struct block blocks[CHILD_BLOCKS];
    alarm(HANG_SECONDS);
    uint64_t errors_before = soak_errors();
    for (unsigned i = 0; i < CHILD_BLOCKS; i++)
        block_get(&worker->tally, &blocks[i], block_size(&worker->random, 16, 64 * SOAK_KIB),
                  &worker->random);
    for (unsigned i = 0; i < CHILD_BLOCKS; i++)
        block_put(&worker->tally, &blocks[i]);
    for (unsigned i = 0; i < CONNECTIONS + UPLOADS; i++)
        block_put(&worker->tally, &worker->blocks[i]);
    if (hak_check() != 0)
        soak_error("hak_check in a forked child");
    _exit(soak_errors() != errors_before);
}

static void fork_child(struct worker *worker)
{
    pid_t child = fork();
    if (child == 0)
        be_child(worker);
    int status = 0;
    pid_t got;
    do
        got = child < 0 ? -1 : waitpid(child, &status, 0);
    while (got < 0 && errno == EINTR);
    if (got != child || status != 0)
        soak_error("a forked child: %s, status %#x", got < 0 ? strerror(errno) : "ended",
                   (unsigned)status);
    atomic_fetch_add(&soak_forks, 1);
}

/* ---- the load ---- */

static void serve(struct worker *worker, unsigned cycle)
{
    uint64_t dice = random_next(&worker->random) % 20000;
    if (dice < 200 && fork_is_due())
        fork_child(worker);
    else if (dice < 6)
        receive_upload(worker);
    else if (dice < 8000)
        use_cache(worker, cycle);
    else
        serve_request(worker);
    struct block foreign;
    for (unsigned i = 0; i < 2 && queue_pop(&foreign); i++)
        block_put(&worker->tally, &foreign);
}

/* Some connections end with their thread; the others stay for the next. */
static void end_connections(struct worker *worker)
{
    for (unsigned i = 0; i < CONNECTIONS; i += 2)
        if (worker->blocks[i].start && !queue_push(&worker->blocks[i]))
            block_put(&worker->tally, &worker->blocks[i]);
}

static bool connection_stays(size_t slot)
{
    return slot < CONNECTIONS && slot % 4 == 0;
}

const struct load load_server = {
    .name = "server",
    .period = ENTRY_SIZES,
    .slots = CONNECTIONS + UPLOADS,
    .start = start_cache,
    .step = serve,
    .leave = end_connections,
    .shrink = shrink_cache,
    .drain = drain_cache,
    .visit = visit_cache,
    .stays = connection_stays,
};
