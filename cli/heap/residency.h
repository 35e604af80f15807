/* SPDX-License-Identifier: MIT */
/*
 * Which pages of a target are resident, and which are its own alone.
 */
#ifndef HAK_CLI_RESIDENCY_H
#define HAK_CLI_RESIDENCY_H

#include "heap/target.h"

/* Fill present[i] with 1 if page i from `address` (a page's start) counts as resident: in a
 * process, as smaps counts; in a core, a page that was dumped and is not all zero. Returns how many
 * are. */
size_t target_present(struct target *target, uint64_t address, size_t pages, uint8_t *present);
/* Resident bytes of [from, to), of any length. */
uint64_t target_resident_bytes(struct target *target, uint64_t from, uint64_t to);
/* Add the resident pages of [from, to) to a set. */
struct page_set;
void target_resident_pages(struct target *target, uint64_t from, uint64_t to, struct page_set *set);
/* The same for memory that is the target's own alone: private, with content, resident or swapped
 * out. Pages of files and shared memory do not count: one page of these can be mapped a thousand
 * times. */
size_t target_own(struct target *target, uint64_t address, size_t pages, uint8_t *own);
uint64_t target_own_bytes(struct target *target, uint64_t from, uint64_t to);

/* For kernels without PAGEMAP_SCAN; `present` must be zero. The zero page counts. */
void residency_from_pagemap(int file, uint64_t address, size_t pages, uint8_t *present);

#endif
