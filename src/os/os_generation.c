/* SPDX-License-Identifier: MIT */
/*
 * Owns a word that tells a copy of the process that it is a copy, however it was made: the kernel
 * wipes the word's page in each child that does not share the parent's memory (MADV_WIPEONFORK,
 * Linux 4.14). The word never changes if the kernel cannot do that, or may not be asked to. Then
 * only children made by fork() are recognised, by the handlers of pthread_atfork.
 */
#include "os/os.h"

enum generation { GENERATION_COPY, GENERATION_CURRENT, GENERATION_IN_REPAIR };

/* How long a thread waits before it looks again whether another thread has repaired the copy. */
#define LOOK_US 100

static early_data _Atomic uint32_t unwiped = GENERATION_CURRENT;
early_data _Atomic uint32_t *os_generation = &unwiped;

void os_generation_make(void)
{
    size_t page = os_page_size();
    if (os_generation != &unwiped || os_is_filtered())
        return;
    _Atomic uint32_t *word = os_reserve(page);
    if (word && os_wipe_on_fork(word, page)) {
        atomic_store_explicit(word, GENERATION_CURRENT, memory_order_relaxed);
        os_generation = word;
    } else if (word) {
        os_unmap(word, page);
    }
}

bool os_generation_claim(void)
{
    for (;;) {
        uint32_t seen = GENERATION_COPY;
        /* acquire: the state that another thread has repaired is visible to us */
        if (atomic_compare_exchange_strong_explicit(os_generation, &seen, GENERATION_IN_REPAIR,
                                                    memory_order_acquire, memory_order_acquire))
            return true;
        if (seen == GENERATION_CURRENT)
            return false;
        os_sleep_us(LOOK_US);
    }
}

void os_generation_renew(void)
{
    /* release: a thread that sees the new word sees the repaired state */
    atomic_store_explicit(os_generation, GENERATION_CURRENT, memory_order_release);
}
