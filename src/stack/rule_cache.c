/* SPDX-License-Identifier: MIT */
/*
 * Owns the cache of rules by program counter: a table of fixed size that all threads and signal
 * handlers read and write without locks. An entry has a checksum of all its words. So an entry that
 * is read half written, or that two threads have written at the same time, counts as absent. Rules
 * of an unmapped file stay until others replace them. They are not found, since they have the
 * identity of their file. If one were found, it would give a wrong frame, and do no other harm.
 */
#include "stack/unwind.h"

#include <string.h>

/* 2,048 places with 2 entries each: 256 KiB if a rule has 48 bytes. A program that is not profiled
 * touches none of them. */
#define CACHE_PLACES 2048
#define CACHE_WAYS 2

/* Purpose: a rule, the place in the code that it is for, and the checksum of both. Owner: any
 * thread. Invariant: an entry whose checksum is not right is absent; one of zeros is not right. */
struct entry {
    _Atomic uint64_t key;
    _Atomic uint64_t check;
    _Atomic uint64_t words[RULE_WORDS];
};

static struct {
    _Atomic uint32_t turn; /* which way is replaced next */
    _Alignas(CACHE_LINE) struct entry entries[CACHE_PLACES][CACHE_WAYS];
} cache;

static uint64_t mix(uint64_t value)
{
    value *= UINT64_C(0x9e3779b97f4a7c15);
    return value ^ value >> 29;
}

static uint64_t key_of(uintptr_t pc, uint64_t identity)
{
    return mix(pc) + identity;
}

static struct entry *place_of(uint64_t key)
{
    return cache.entries[mix(key) % CACHE_PLACES];
}

/* Each word has a factor of its own, so words of two rules do not add up by chance. */
static uint64_t checksum(uint64_t key, const uint64_t words[RULE_WORDS])
{
    uint64_t sum = mix(key ^ UINT64_C(0xd6e8feb86659fd93));
    for (size_t i = 0; i < RULE_WORDS; i++) {
        uint64_t factor = UINT64_C(0xbf58476d1ce4e5b9) + 2 * i * UINT64_C(0x94d049bb133111eb);
        uint64_t product = (words[i] ^ factor) * factor;
        sum += product ^ product >> 32;
    }
    return sum;
}

static bool get_from(struct entry *entry, uint64_t key, struct rule *rule)
{
    /* relaxed: the checksum tells whether the words belong together */
    if (atomic_load_explicit(&entry->key, memory_order_relaxed) != key)
        return false;
    uint64_t words[RULE_WORDS];
    for (size_t i = 0; i < RULE_WORDS; i++)
        words[i] = atomic_load_explicit(&entry->words[i], memory_order_relaxed);
    if (atomic_load_explicit(&entry->check, memory_order_relaxed) != checksum(key, words))
        return false;
    memcpy(rule, words, sizeof(*rule));
    return true;
}

bool rule_cache_get(uintptr_t pc, uint64_t identity, struct rule *rule)
{
    uint64_t key = key_of(pc, identity);
    struct entry *ways = place_of(key);
    for (unsigned way = 0; way < CACHE_WAYS; way++)
        if (get_from(&ways[way], key, rule))
            return true;
    return false;
}

/* The way that has this key, or else an empty one, or else each in turn. */
static struct entry *choose_way(struct entry *ways, uint64_t key)
{
    struct entry *empty = NULL;
    for (unsigned way = 0; way < CACHE_WAYS; way++) {
        if (atomic_load_explicit(&ways[way].key, memory_order_relaxed) == key)
            return &ways[way];
        if (atomic_load_explicit(&ways[way].check, memory_order_relaxed) == 0)
            empty = &ways[way];
    }
    unsigned turn = atomic_fetch_add_explicit(&cache.turn, 1, memory_order_relaxed);
    return empty ? empty : &ways[turn % CACHE_WAYS];
}

void rule_cache_put(uintptr_t pc, uint64_t identity, const struct rule *rule)
{
    uint64_t key = key_of(pc, identity);
    uint64_t words[RULE_WORDS] = {0};
    memcpy(words, rule, sizeof(*rule));
    struct entry *entry = choose_way(place_of(key), key);
    /* relaxed: see get_from */
    atomic_store_explicit(&entry->key, key, memory_order_relaxed);
    for (size_t i = 0; i < RULE_WORDS; i++)
        atomic_store_explicit(&entry->words[i], words[i], memory_order_relaxed);
    atomic_store_explicit(&entry->check, checksum(key, words), memory_order_relaxed);
}
