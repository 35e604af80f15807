/* SPDX-License-Identifier: MIT */
/*
 * Finds which pages of a target are resident, and which belong to it alone.
 */
#ifndef HAK_CLI_RESIDENCY_H
#define HAK_CLI_RESIDENCY_H

#include "heap/target.h"

/* Set present[i] to 1 if page i from `address` (the start of a page) counts as resident: in a
 * process, if smaps counts it; in a core, if it was dumped and is not all zero. Returns the number
 * of such pages. */
size_t target_present(struct target *target, uint64_t address, size_t pages, uint8_t *present);
/* Resident bytes of [from, to), which may have any length. */
uint64_t target_resident_bytes(struct target *target, uint64_t from, uint64_t to);
/* Add the resident pages of [from, to) to a set. */
struct page_set;
void target_resident_pages(struct target *target, uint64_t from, uint64_t to, struct page_set *set);
/* The same for memory that belongs to the target alone: private, with content, resident or swapped
 * out. Pages of files and shared memory do not count: one such page can be mapped a thousand
 * times. */
size_t target_own(struct target *target, uint64_t address, size_t pages, uint8_t *own);
uint64_t target_own_bytes(struct target *target, uint64_t from, uint64_t to);

/* For kernels without PAGEMAP_SCAN; `present` must be zero. The zero page counts. */
void residency_from_pagemap(int file, uint64_t address, size_t pages, uint8_t *present);

#endif
